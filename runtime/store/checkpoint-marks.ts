import type { LogCheckpoint } from './session-log.ts'

/** Tells checkpoints in the order of their calls, each once. */
export class CheckpointMarks {
  readonly #known = new Set<number>()
  readonly #from: number
  #left: LogCheckpoint[] = []

  /** Those before call `from` are left out. */
  constructor(checkpoints: readonly LogCheckpoint[], from: number) {
    this.#from = from
    this.add(checkpoints)
  }

  /** Those known already are told once all the same. */
  add(checkpoints: readonly LogCheckpoint[]): void {
    for (const checkpoint of checkpoints) {
      if (this.#known.has(checkpoint.version)) continue
      this.#known.add(checkpoint.version)
      if (checkpoint.calls >= this.#from) this.#left.push(checkpoint)
    }
    this.#left.sort((a, b) => a.calls - b.calls || a.version - b.version)
  }

  /** Those that stand before this call or an earlier one. */
  upTo(call: number): readonly LogCheckpoint[] {
    if (this.#left.length === 0 || this.#left[0]!.calls > call) return none
    const end = this.#left.findIndex(({ calls }) => calls > call)
    return this.#left.splice(0, end < 0 ? this.#left.length : end)
  }
}

const none: readonly LogCheckpoint[] = []
