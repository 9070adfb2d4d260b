import type { Engine, EngineOptions, Entry, RunOutcome } from '../engine/engine.ts'
import { compose, type ImportFunction, type Interceptor } from '../intercept/interceptor.ts'
import { replay } from '../intercept/replay.ts'
import type { ChunkStore } from '../log/chunks.ts'
import type { LogSource } from '../log/reader.ts'

/** A run that is fed by a log. */
export interface ReplayedRun {
  readonly source: LogSource
  readonly chunks?: ChunkStore
  /** Bits of `Quirk`, from the log's header. */
  readonly quirks?: number
  /** Number of the log's first call. */
  readonly firstCall: number
  /** Makes the engine; then `begin` starts it where the log begins, `next` after the start function. */
  readonly create: (options: EngineOptions) => Engine
  readonly begin: (engine: Engine) => RunOutcome
  readonly next?: (engine: Engine) => Entry | undefined
}

export interface ReachedStates<T> {
  /** What `look` saw, by call. */
  readonly states: ReadonlyMap<number, T>
  /** Why the run ended before all calls were reached. */
  readonly error?: unknown
}

class Enough extends Error {}

const noHost: ImportFunction = () => {
  throw new Error('the log has no more calls')
}

/** Runs a program by its log, without any host, and looks at its state just before each of these calls (ascending). */
export function replayStates<T>(
  run: ReplayedRun,
  calls: readonly number[],
  look: (engine: Engine) => T,
): ReachedStates<T> {
  const states = new Map<number, T>()
  const wanted = [...new Set(calls)].sort((a, b) => a - b)
  let made = run.firstCall
  let at = 0
  const watch: Interceptor = (next) => {
    return (...args) => {
      if (made === wanted[at]) {
        states.set(made, look(engine))
        if (++at === wanted.length) throw new Enough()
      }
      made++
      return next(...args)
    }
  }
  const { source, chunks, quirks = 0, firstCall } = run
  const memory = () => engine.memory()
  const answer = replay(source, { memory, quirks, firstCall, ...(chunks && { chunks }) })
  const engine: Engine = run.create({
    link: (site) => compose([watch, answer], noHost, site),
    shouldCapture: () => false,
  })
  if (wanted.length === 0) return { states }
  let outcome = run.begin(engine)
  const entry = outcome.kind === 'returned' ? run.next?.(engine) : undefined
  if (entry !== undefined) outcome = engine.run(entry)
  if (outcome.kind !== 'trapped' || outcome.error instanceof Enough) return { states }
  return { states, error: outcome.error }
}
