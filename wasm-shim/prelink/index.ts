/**
 * `stasis/prelink`: rewrites a WebAssembly module so that its call stack can be captured at any import call.
 *
 * The result needs no import beyond the original's. It keeps every export and adds, under `prefix` (usually `stasis.`):
 * each memory, table, global and tag by index (`memory.0`, `table.0`, ...); `functions`, a table of all functions;
 * `host`, a table that must be filled with the engine's functions after instantiation and before the first call, in the
 * order of `hostFunctionNames`; `unwind`, the tag of the exception that an import throws to capture the stack;
 * `save_globals` and `load_globals`; and `start` where the original has a start function, which no longer runs by
 * itself. `runtime/engine/instrumented.ts` is the reference embedder.
 */
import { isStasisError, StasisError } from '../errors.ts'
import { readModule } from '../module/read.ts'
import { type InstrumentResult, instrument } from './instrument.ts'

export { buildContinuations, type ContinuationStart, functionOfSite } from './continuation.ts'
export { type HostFunction, hostFunctionNames, hostFunctions } from './host-functions.ts'
export {
  decodeMetadata,
  metadataSection,
  type PrelinkedImport,
  type PrelinkMetadata,
  prelinkVersion,
} from './metadata.ts'

/** How loop polls are inserted (D11): never; in loops that contain loops or calls; in every loop. */
export type PollMode = 'none' | 'default' | 'all'

export interface PrelinkOptions {
  /** Default: 'default'. */
  readonly polls?: PollMode
  /** Encoding of the exception instructions added; 'auto' (default) takes the guest's own, else legacy. */
  readonly exceptions?: 'auto' | 'legacy' | 'exnref'
}

/**
 * Deterministic: the same bytes and options give the same result. Throws STASIS_MODULE_MALFORMED (with the byte offset),
 * STASIS_MODULE_UNSUPPORTED (with the feature's name) or STASIS_PRELINK_ENCODING.
 */
export function prelink(bytes: Uint8Array, options: PrelinkOptions = {}): InstrumentResult {
  const { polls = 'default', exceptions = 'auto', ...unknown } = options
  const [extra] = Object.keys(unknown)
  if (extra !== undefined) throw new TypeError(`prelink has no option '${extra}'; it knows 'polls' and 'exceptions'.`)
  const module = readModule(bytes)
  try {
    return instrument(module, polls, exceptions)
  } catch (cause) {
    if (isStasisError(cause) || WebAssembly.validate(bytes)) throw cause
    throw new StasisError(
      'STASIS_MODULE_MALFORMED',
      'The module is malformed: its code breaks the validation rules of WebAssembly.',
      {},
      { cause },
    )
  }
}
