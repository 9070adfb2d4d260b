import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { StasisError } from '../../wasm-shim/errors.ts'
import { formatMount, type MemoryGrant, type MountGrant } from './mounts.ts'
import { systemCause } from './report-error.ts'
import { UsageError } from './usage-error.ts'

/** Reads a file that a person named. `what` says what it should be: 'the module'. */
export function readInput(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw unreadable(path, what, systemCause(error))
  }
}

/** Throws what `readInput` would, without reading: for files that others read. */
export function checkFile(path: string, what: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw unreadable(path, what, systemCause(error))
  }
  if (!statSync(path).isFile()) throw unreadable(path, what, 'it is not a file')
}

const unreadable = (path: string, what: string, why: string): StasisError =>
  new StasisError('STASIS_FILE', `Cannot read ${what} ${path}: ${why}.`, { path })

/** Refuses grants that cannot be kept, before anything runs. */
export function checkMounts(mounts: readonly MountGrant[], inMemory: readonly MemoryGrant[] = []): void {
  const guests = new Set<string>()
  for (const mount of mounts) {
    const refuse = (why: string): never => {
      throw new StasisError('STASIS_MOUNT', `Cannot grant --dir ${formatMount(mount)}: ${why}.`, { host: mount.host })
    }
    try {
      if (!statSync(mount.host).isDirectory()) refuse(`${mount.host} is not a directory`)
    } catch (error) {
      if (error instanceof StasisError) throw error
      refuse(`${mount.host}: ${systemCause(error)}`)
    }
    if (guests.has(mount.guest)) throw new UsageError(`--dir: two directories are granted as "${mount.guest}".`)
    guests.add(mount.guest)
  }
  for (const { guest } of inMemory) {
    if (guests.has(guest)) throw new UsageError(`--mem: two directories are granted as "${guest}".`)
    guests.add(guest)
  }
}

/** 'calc-1', 'calc-2', ...: the module's name and the first number that makes a name not taken. */
export function generateName(modulePath: string, taken: ReadonlySet<string>): string {
  const stem = basename(modulePath)
    .replace(/\.(wasm|wat)$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 48)
  for (let number = 1; ; number++) {
    const name = `${stem || 'session'}-${number}`
    if (!taken.has(name)) return name
  }
}
