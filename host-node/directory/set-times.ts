/**
 * Setting times through node:fs, which takes both at once and as floating-point seconds: they arrive rounded to about a
 * microsecond. What a program has set it reads back exactly nevertheless, as long as this process lives and nobody else
 * sets the time: the asked value is remembered beside the one that the host made of it.
 */
import type { FileStat } from '../../wasm-shim/wasi/fs/file-system.ts'

interface SetTime {
  readonly asked: bigint
  readonly stored: bigint
}

interface SetTimes {
  readonly atim: SetTime
  readonly mtim: SetTime
}

/** Files whose exact times are remembered. */
const rememberedMax = 1024

export class TimeSetter {
  readonly #remembered = new Map<string, SetTimes>()

  /** The stat as the program should see it. */
  exact(stat: FileStat): FileStat {
    if (this.#remembered.size === 0) return stat
    const times = this.#remembered.get(keyOf(stat))
    if (times === undefined) return stat
    return { ...stat, atim: exactTime(stat.atim, times.atim), mtim: exactTime(stat.mtim, times.mtim) }
  }

  /** 0 or a failure. `stat` and `store` act on the same file. */
  set(
    stat: () => FileStat | number,
    store: (atim: number, mtim: number) => number,
    atim: bigint | undefined,
    mtim: bigint | undefined,
  ): number {
    const before = stat()
    if (typeof before === 'number') return before
    if (atim === undefined && mtim === undefined) return 0
    const exactBefore = this.exact(before)
    const asked = { atim: atim ?? exactBefore.atim, mtim: mtim ?? exactBefore.mtim }
    const result = store(toSeconds(asked.atim), toSeconds(asked.mtim))
    if (result < 0) return result
    const after = stat()
    if (typeof after === 'number') return after
    this.#remember(after, {
      atim: { asked: asked.atim, stored: after.atim },
      mtim: { asked: asked.mtim, stored: after.mtim },
    })
    return 0
  }

  #remember(stat: FileStat, times: SetTimes): void {
    const key = keyOf(stat)
    this.#remembered.delete(key)
    if (this.#remembered.size >= rememberedMax)
      for (const oldest of this.#remembered.keys()) {
        this.#remembered.delete(oldest)
        break
      }
    this.#remembered.set(key, times)
  }
}

function keyOf(stat: FileStat): string {
  return `${stat.dev}:${stat.ino}`
}

function exactTime(stored: bigint, set: SetTime): bigint {
  return stored === set.stored ? set.asked : stored
}

function toSeconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e9
}
