import { StasisError } from '../../wasm-shim/errors.ts'
import { findRow } from '../../wasm-shim/wasi/abi.ts'
import { Errno, type ErrnoName } from '../../wasm-shim/wasi/errno.ts'
import type { Interceptor, WasmValue } from './interceptor.ts'

/** Which calls fail. All conditions that are given must hold. */
export interface Fault {
  /** A function's name, or the beginning of names and `*`: `fd_write`, `path_*`. Default: all. */
  readonly name?: string
  /** Number of the call among all, from 0, as in a log. */
  readonly call?: number
  /** The how-manieth call of those that `name` means, from 1; with `every`, the first one. */
  readonly nth?: number
  /** Each so-manieth of them from `nth` on. */
  readonly every?: number
  readonly errno: ErrnoName
}

/**
 * Lets calls fail with an errno without making them: a full disk, a vanished file. Calls that return no errno (proc_exit,
 * functions that are not WASI) are not touched. Throws STASIS_FAULT_UNKNOWN for an errno that does not exist.
 *
 *     faults([{ name: 'fd_write', nth: 3, errno: 'ENOSPC' }, { name: 'path_*', every: 10, errno: 'EIO' }])
 */
export function faults(rules: readonly Fault[]): Interceptor {
  const planned = rules.map(plan)
  let calls = 0
  return (next, site) => {
    const row = findRow(site.module, site.name)
    const mine = row?.returns === 'errno' ? planned.filter(({ matches }) => matches(site.name)) : []
    return (...args: WasmValue[]) => {
      const call = calls++
      let errno: number | undefined
      // Every rule counts, whether or not another one has struck.
      for (const rule of mine) if (rule.strikes(call)) errno ??= rule.errno
      return errno ?? next(...args)
    }
  }
}

function plan(fault: Fault) {
  const { name = '*', call: at, nth, every, errno } = fault
  if (!Object.hasOwn(Errno, errno) || errno === 'ESUCCESS') {
    const message = `A fault is to return ${errno}, which is no errno. Use a name such as EIO or ENOSPC.`
    throw new StasisError('STASIS_FAULT_UNKNOWN', message, { errno })
  }
  let seen = 0
  const first = nth ?? (every === undefined ? 1 : every)
  return {
    errno: Errno[errno],
    matches: (called: string) => (name.endsWith('*') ? called.startsWith(name.slice(0, -1)) : called === name),
    strikes: (call: number) => {
      seen++
      if (at !== undefined && call !== at) return false
      if (every !== undefined) return seen >= first && (seen - first) % every === 0
      return nth === undefined || seen === nth
    },
  }
}
