import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StasisError } from '../../wasm-shim/errors.ts'

/**
 * Where a session listens: TMPDIR/stasis-UID/STORE-NAME.sock, the directory readable by its owner only, STORE and NAME
 * hashes. sockaddr_un holds 108 bytes on Linux and 104 on macOS including the final zero, hence hashes and no deep paths.
 */
const longestPath = 103

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

const owner = (): number => process.getuid?.() ?? 0

const directory = (): string => join(tmpdir(), `stasis-${owner()}`)

/** The sockets of a store's sessions are those in `directory` whose file name starts with `prefix`. */
export function controlPlace(storeId: string): { readonly directory: string; readonly prefix: string } {
  return { directory: directory(), prefix: `${hash(storeId)}-` }
}

/** `storeId` is the store's real path, or its URL where it is no directory. */
export function controlPath(storeId: string, session: string): string {
  const place = controlPlace(storeId)
  const path = join(place.directory, `${place.prefix}${hash(session)}.sock`)
  if (Buffer.byteLength(path) <= longestPath) return path
  throw new StasisError(
    'STASIS_CONTROL_PATH',
    `The path of the session's control socket is longer than a socket's may be (${longestPath} bytes): ${path}. ` +
      'Set TMPDIR to a shorter directory, for example TMPDIR=/tmp.',
    { path },
  )
}

/** Makes the directory, and refuses one that others could have prepared: /tmp is shared. */
export function ensurePrivateDirectory(): void {
  const path = directory()
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const stat = lstatSync(path)
  if (stat.isDirectory() && stat.uid === owner() && (stat.mode & 0o077) === 0) return
  throw new StasisError(
    'STASIS_CONTROL_UNSAFE',
    `${path} is not a directory that only you can enter, so that others could control your sessions. ` +
      'Remove it, or set TMPDIR to a directory of your own.',
    { path },
  )
}
