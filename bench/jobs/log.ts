import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, threadTime } from '../clock.ts'
import { type LogGuest, LogWorld } from './log-world.ts'

export interface LogRunsInput {
  readonly guest: LogGuest
  readonly rounds: number
  /** A mount whose content is removed before each run. */
  readonly cleared?: string
  readonly variants: readonly LogVariant[]
}

/** Without log, the same once more, with one, made again by it, and under node:wasi. */
export type LogVariant = 'off' | 'null' | 'on' | 'again' | 'nodeWasi'

export interface LogRunsOutput {
  /** Milliseconds, one of each round. */
  readonly times: Readonly<Partial<Record<LogVariant, readonly number[]>>>
  readonly calls: number
  /** Of the log. */
  readonly bytes: number
}

/** All variants in one process, in turns; each run in an instance of its own, after one run that does not count. */
export async function measureLogRuns({ guest, rounds, cleared, variants }: LogRunsInput): Promise<LogRunsOutput> {
  const { WASI } = await import('node:wasi')
  const folder = mkdtempSync(join(tmpdir(), 'stasis-bench-log-'))
  const world = new LogWorld(guest, join(folder, 'log'), WASI)
  const make: Readonly<Record<LogVariant, () => () => void>> = {
    off: () => world.withoutLog(),
    null: () => world.withoutLog(),
    on: () => world.withLog(),
    again: () => world.again(),
    nodeWasi: () => world.underNodeWasi(),
  }
  const times: Partial<Record<LogVariant, number[]>> = {}
  try {
    for (let round = -1; round < rounds; round++) {
      for (let i = 0; i < variants.length; i++) {
        // Nobody is always the first. The log of the first run with one is there from the round that does not count.
        const variant = variants[(i + Math.max(round, 0)) % variants.length]!
        if (cleared !== undefined && variant !== 'again') empty(cleared)
        const run = make[variant]()
        sleep(20)
        const began = threadTime()
        run()
        const took = threadTime() - began
        if (round >= 0) times[variant] = [...(times[variant] ?? []), took]
      }
    }
    return { times, calls: world.calls, bytes: world.bytes }
  } finally {
    world.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
}
