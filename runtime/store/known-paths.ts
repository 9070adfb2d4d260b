import { isStasisError } from '../../wasm-shim/errors.ts'
import { type DescriptorSummary, describeState } from '../../wasm-shim/wasi/describe.ts'
import { FdPaths } from '../log/fd-paths.ts'
import { readDescriptors } from './checkpoint-descriptors.ts'
import { indexOfCall } from './read-session-log.ts'
import type { SessionLog } from './session-log.ts'
import { findStart } from './start-record.ts'
import type { Store } from './store.ts'

/** The call that a segment not behind `call` begins with, and the paths of the descriptors that were open there. */
export async function seedPaths(
  store: Store,
  log: SessionLog,
  call: number,
): Promise<{ readonly from: number; readonly paths: FdPaths }> {
  for (let i = Math.max(0, indexOfCall(log.segments, call)); i >= 0; i--) {
    const { firstCall } = log.segments[i]!
    const paths = await pathsAt(store, log, firstCall)
    if (paths !== undefined) return { from: firstCall, paths }
  }
  return { from: 0, paths: new FdPaths() }
}

/** As the checkpoint there tells them, or the record of how the session began; undefined where there is neither. */
export async function pathsAt(
  store: Store,
  { session, run, checkpoints }: SessionLog,
  call: number,
): Promise<FdPaths | undefined> {
  try {
    if (call === 0) {
      const start = await findStart(store, session, run)
      return pathsOf(start === undefined ? [] : describeState(start.kernel))
    }
    const checkpoint = checkpoints.find(({ calls }) => calls === call)
    return checkpoint && pathsOf(await readDescriptors(store, session, checkpoint.version))
  } catch (error) {
    // A damaged checkpoint does not keep anybody from looking at the log.
    if (!isStasisError(error)) throw error
    return undefined
  }
}

const pathsOf = (descriptors: readonly DescriptorSummary[]): FdPaths =>
  new FdPaths(descriptors.flatMap(({ fd, path }) => (path === undefined ? [] : [[fd, path] as const])))
