import type { Row } from '../../wasm-shim/wasi/abi.ts'
import { OFlags } from '../../wasm-shim/wasi/flags.ts'

/** Calls that change the world by their class, and by that only what the session itself keeps. */
const withinSession = new Set(['fd_close', 'fd_renumber', 'fd_fdstat_set_flags'])
/** Number of the wasm parameter `oflags` of path_open. */
const oflagsOfOpen = 4

/** 'creating': where it may create or truncate a file. */
export type Effect = 'never' | 'always' | 'creating'

/**
 * Whether something outside of the session changes by a call, so that everything before it has to be out of the process
 * first (D9). A function without a row may do anything.
 */
export function effectOf(row: Row | undefined): Effect {
  if (row === undefined) return 'always'
  if (row.class !== 'changes' || withinSession.has(row.name)) return 'never'
  return row.name === 'path_open' ? 'creating' : 'always'
}

/** Of a path_open's arguments. */
export function mayCreate(words: Int32Array): boolean {
  return (words[oflagsOfOpen * 2]! & (OFlags.creat | OFlags.trunc)) !== 0
}
