import { constants, lstatSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { attempt } from '../errno.ts'
import { checkEntryName, type Locator, tryOpen } from './locator.ts'

/** 0 where there is none (Windows). */
const noFollow = constants.O_NOFOLLOW ?? 0
/** Characters that split a path or name a drive or stream on Windows. */
const windowsSpecial = /[\\:]/

/**
 * Hosts without /proc: every earlier component is looked at by lstat before the call. Symlinks that are there are seen;
 * one that somebody swaps in between look and call is followed. Windows has no O_NOFOLLOW, so that there this holds for
 * the last component too.
 */
export class WalkLocator implements Locator {
  readonly #root: string

  constructor(hostPath: string) {
    this.#root = realpathSync(hostPath)
    if (!lstatSync(this.#root).isDirectory())
      throw Object.assign(new Error(`ENOTDIR: not a directory, '${hostPath}'`), { code: 'ENOTDIR' })
  }

  open(path: string, bits: number): number {
    const hostPath = this.entry(path)
    if (typeof hostPath === 'number') return hostPath
    if (noFollow === 0) {
      const stat = attempt(() => lstatSync(hostPath))
      if (typeof stat === 'object' && stat.isSymbolicLink())
        return (bits & constants.O_EXCL) !== 0 ? -Errno.EEXIST : -Errno.ELOOP
    }
    return tryOpen(hostPath, bits | noFollow)
  }

  entry(path: string): string | number {
    if (path === '') return this.#root
    const names = path.split('/')
    let current = this.#root
    for (const [index, name] of names.entries()) {
      const wrong = checkEntryName(name)
      if (wrong !== 0) return wrong
      if (process.platform === 'win32' && windowsSpecial.test(name)) return -Errno.EINVAL
      current = join(current, name)
      if (index === names.length - 1) break
      const failure = checkDirectory(current)
      if (failure !== 0) return failure
    }
    return current
  }

  directory(path: string): string | number {
    const hostPath = this.entry(path)
    if (typeof hostPath === 'number') return hostPath
    const failure = checkDirectory(hostPath)
    return failure === 0 ? hostPath : failure
  }

  shortcut(): undefined {}

  close(): void {}
}

function checkDirectory(hostPath: string): number {
  const stat = attempt(() => lstatSync(hostPath))
  if (typeof stat === 'number') return stat
  if (stat.isSymbolicLink()) return -Errno.ENOTCAPABLE
  return stat.isDirectory() ? 0 : -Errno.ENOTDIR
}
