import type { ChunkStore } from '../../runtime/log/chunks.ts'
import { StasisError } from '../../wasm-shim/errors.ts'

/** Where a call log goes that is not kept in memory. `fileLog` makes one. */
export interface LogTarget {
  /**
   * Takes the log's bytes in order, in whole blocks, before the effects that they announce. A block is valid during the
   * call only. What it throws ends the program.
   */
  readonly sink: (block: Uint8Array) => void
  /** Where payloads above 16 KiB go, by their content. */
  readonly chunks: ChunkStore
}

export type LogOption = false | LogTarget

/** `goesOn`: the run is a replay, or goes on from a checkpoint. Throws StasisError STASIS_OPTION. */
export function logSettings(log: unknown, goesOn: boolean): LogOption | undefined {
  if (log === undefined || log === true) return goesOn ? false : undefined
  if (log === false) return false
  if (!isTarget(log)) {
    throw new StasisError('STASIS_OPTION', 'The option "log" is false, or a sink and chunks such as fileLog(path).')
  }
  if (!goesOn) return log
  throw new StasisError('STASIS_OPTION', 'What is replayed or restored is not recorded: leave "log" out.')
}

function isTarget(value: unknown): value is LogTarget {
  if (typeof value !== 'object' || value === null) return false
  const { sink, chunks } = value as Partial<LogTarget>
  return typeof sink === 'function' && typeof chunks?.put === 'function' && typeof chunks.get === 'function'
}
