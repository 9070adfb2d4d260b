/**
 * The oracle (D12): a session's log, replayed, must reach the state that its checkpoints hold, at the same calls. From the
 * session's beginning the module's own code is replayed, by the log-only engine; from a checkpoint its continuations are.
 */
import { StasisError } from '../../wasm-shim/errors.ts'
import type { WasmModule } from '../../wasm-shim/module/model.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { type LogOnlyEngine, prepareLogOnly } from '../engine/log-only.ts'
import type { Checkpoint } from '../image/model.ts'
import type { ChunkStore } from '../log/chunks.ts'
import type { LogSource } from '../log/reader.ts'
import { compareDigests, digestInstance, digestObserved, type StateDigest } from './digest.ts'
import { type ReachedStates, replayStates } from './replay-states.ts'

export interface VerifyInput {
  /** Unmodified. */
  readonly module: Uint8Array
  /** From the session's beginning, or from the call that `from` stands before. */
  readonly source: LogSource
  readonly chunks?: ChunkStore
  /** Bits of `Quirk`, from the log's header. */
  readonly quirks?: number
  /** What must be reached, by `expectedState`. */
  readonly expected: readonly ExpectedState[]
  /** Where the log begins, with an engine that can go on there; absent: at the program's beginning. */
  readonly from?: { readonly checkpoint: Checkpoint; readonly create: (options: EngineOptions) => Engine }
}

/** Of a checkpoint, without its memories. */
export interface ExpectedState {
  readonly name: string
  readonly call: number
  /** Absent where the checkpoint stands at no call. */
  readonly digest?: StateDigest
}

export interface ComparedCall {
  readonly name: string
  /** Calls that the program had made. */
  readonly call: number
  /** 'skipped' where the checkpoint stands at no call. */
  readonly kind: 'same' | 'different' | 'skipped'
  /** What differs, or why there is nothing to compare: clauses. */
  readonly details: readonly string[]
}

/** Runs no host: nothing outside is touched. Throws STASIS_MODULE_* and what is wrong with a checkpoint. */
export function verifyLog(input: VerifyInput): readonly ComparedCall[] {
  const model = readModule(input.module)
  const { expected } = input
  const calls = expected.flatMap(({ call, digest }) => (digest === undefined ? [] : [call]))
  const { states, error } = input.from === undefined ? fromBeginning(input, calls) : fromCheckpoint(input, model, calls)
  return expected.map(({ name, call, digest }): ComparedCall => {
    if (digest === undefined) {
      return { name, call, kind: 'skipped', details: ['it was taken between two calls'] }
    }
    const reached = states.get(call)
    if (reached === undefined) return { name, call, kind: 'different', details: [notReached(error)] }
    const details = compareDigests(digest, reached)
    return { name, call, kind: details.length === 0 ? 'same' : 'different', details }
  })
}

/** `model` is the unmodified module, read. */
export function expectedState(model: WasmModule, name: string, checkpoint: Checkpoint): ExpectedState {
  const [stack] = checkpoint.stacks
  const [instance] = checkpoint.instances
  const isAtCall = stack !== undefined && stack.call.import >= 0 && instance !== undefined
  return { name, call: checkpoint.calls, ...(isAtCall && { digest: digestInstance(model, instance) }) }
}

function notReached(error: unknown): string {
  const reason = error instanceof Error ? error.message : error === undefined ? 'it ended before' : String(error)
  return `the replay did not reach it: ${reason}`
}

function fromBeginning({ module, ...log }: VerifyInput, calls: readonly number[]): ReachedStates<StateDigest> {
  const entryOf = (engine: Engine) => {
    const name = ['_start', '_initialize'].find((candidate) => engine.exports().includes(candidate))
    return name === undefined ? undefined : ({ kind: 'export', name } as const)
  }
  const begin = (engine: Engine) => {
    if (engine.hasStart) return engine.run({ kind: 'start' })
    const entry = entryOf(engine)
    if (entry === undefined)
      throw new StasisError('STASIS_VERIFY_NOTHING', 'The module has nothing that runs by itself.')
    return engine.run(entry)
  }
  const next = (engine: Engine) => (engine.hasStart ? entryOf(engine) : undefined)
  const run = { ...log, firstCall: 0, create: prepareLogOnly(module), begin, next }
  return replayStates(run, calls, (engine) => digestObserved((engine as LogOnlyEngine).observe()))
}

function fromCheckpoint(
  { from, ...log }: VerifyInput,
  model: WasmModule,
  calls: readonly number[],
): ReachedStates<StateDigest> {
  const { checkpoint, create } = from!
  const begin = (engine: Engine) => {
    engine.restore(checkpoint.instances[0]!)
    return engine.resume(checkpoint.stacks[0]!)
  }
  return replayStates({ ...log, firstCall: checkpoint.calls, create, begin }, calls, (engine) =>
    digestInstance(model, engine.save()),
  )
}
