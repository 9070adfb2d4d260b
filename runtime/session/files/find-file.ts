import { StasisError } from '../../../wasm-shim/errors.ts'
import { resolve } from '../../../wasm-shim/wasi/resolve.ts'
import type { MountFiles } from './checkpoint-files.ts'
import { readFile } from './read-file.ts'

/**
 * The content of a file by the path that the guest sees, symlinks followed inside of its mount. Throws StasisError
 * STASIS_FILE_MISSING.
 */
export function findFile(mounts: readonly MountFiles[], path: string): Uint8Array {
  const [mount] = mounts.filter(({ guest }) => isBelow(path, guest)).sort((a, b) => b.guest.length - a.guest.length)
  const refuse = (why: string): never => {
    throw new StasisError('STASIS_FILE_MISSING', `The checkpoint has no file ${path}: ${why}.`, { path })
  }
  if (mount === undefined)
    return refuse(`it lies in none of ${mounts.map(({ guest }) => guest).join(', ') || 'no directories'}`)
  const { fs, guest, carried } = mount
  const rest = path.slice(guest.length).replace(/^\/+/, '')
  const found = resolve(fs, '', rest, true)
  const stat = typeof found === 'number' ? found : fs.stat(found.path)
  if (typeof found === 'number' || typeof stat === 'number') {
    const isKnown = carried.some((file) => file.path === rest && file.type === 'file')
    return refuse(
      isKnown ? 'its content was left out' : 'the session had neither written it nor open, or had removed it',
    )
  }
  if (stat.type !== 'file') return refuse(`it is a ${stat.type}`)
  return readFile(fs, found.path, Number(stat.size)) ?? refuse('it cannot be read')
}

const isBelow = (path: string, guest: string): boolean =>
  path.startsWith(guest.endsWith('/') ? guest : `${guest}/`) && path.length > guest.length
