import type { Row } from '../../wasm-shim/wasi/abi.ts'
import { OFlags } from '../../wasm-shim/wasi/flags.ts'

/** Calls that change the world by their class, and by that only what the session itself keeps. */
const withinSession = new Set(['fd_close', 'fd_renumber', 'fd_fdstat_set_flags'])
/** Number of the wasm parameter `oflags` of path_open. */
const oflagsOfOpen = 4

/**
 * Whether something outside of the session changes by a call, so that everything before it has to be out of the process
 * first (D9). Opening a file does when it may create or truncate. A function without a row may do anything.
 */
export function leavesSession(row: Row | undefined, words: Int32Array): boolean {
  if (row === undefined) return true
  if (row.class !== 'changes' || withinSession.has(row.name)) return false
  return row.name !== 'path_open' || (words[oflagsOfOpen * 2]! & (OFlags.creat | OFlags.trunc)) !== 0
}
