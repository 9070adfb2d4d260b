import { StasisError } from '../../../wasm-shim/errors.ts'
import { Errno } from '../../../wasm-shim/wasi/errno.ts'
import type { FileSystem } from '../../../wasm-shim/wasi/fs/file-system.ts'
import type { MountFiles } from './checkpoint-files.ts'
import { leavesMount } from './leaves-mount.ts'
import { readFile, writeFile } from './read-file.ts'

export interface Exported {
  files: number
  /** Bytes. */
  size: number
  /** Symlinks that lead out of their mount, which are left out. */
  readonly skipped: string[]
}

/**
 * Writes all files of a checkpoint below `target`, each under its guest path: `/data/out.txt` becomes `data/out.txt`.
 * `target` follows no symlink, so that nothing is written outside of it. Files that exist are replaced only with `force`;
 * without it nothing is written when there is one. Throws StasisError STASIS_FILES_OUTSIDE for a mount whose name leads out,
 * STASIS_FILE_EXISTS, STASIS_FILE_UNWRITABLE.
 */
export function exportFiles(mounts: readonly MountFiles[], target: FileSystem, force: boolean): Exported {
  const exported: Exported = { files: 0, size: 0, skipped: [] }
  const folders = mounts.map((mount) => ({ fs: mount.fs, folder: folderOf(mount.guest) }))
  if (!force) {
    const there = folders.flatMap(({ fs, folder }) => [...existing(fs, target, folder, '')])
    if (there.length > 0) throw exists(there)
  }
  for (const { fs, folder } of folders) {
    if (isEmpty(fs)) continue
    makeFolders(target, folder)
    copy(fs, target, folder, '', exported)
  }
  return exported
}

/** The components of a guest's name of a directory, which is the image's word. */
function folderOf(guest: string): string {
  const components = guest.split('/').filter((component) => component !== '' && component !== '.')
  if (!components.includes('..') && !guest.includes('\0')) return components.join('/')
  throw new StasisError(
    'STASIS_FILES_OUTSIDE',
    `The directory "${guest}" of the session has a name that leads out of the directory to export to. Take files out one by one: stasis files NAME cat PATH.`,
    { guest },
  )
}

const join = (folder: string, path: string): string =>
  folder === '' || path === '' ? folder + path : `${folder}/${path}`

function isEmpty(fs: FileSystem): boolean {
  const entries = fs.readdir('')
  return typeof entries === 'number' || entries.length === 0
}

function* existing(fs: FileSystem, target: FileSystem, folder: string, path: string): Generator<string> {
  const entries = fs.readdir(path)
  if (typeof entries === 'number') return
  for (const { name, type } of entries) {
    const own = join(path, name)
    const stat = target.stat(join(folder, own))
    if (typeof stat === 'number') continue
    if (type === 'directory' && stat.type === 'directory') yield* existing(fs, target, folder, own)
    else yield join(folder, own)
  }
}

function makeFolders(target: FileSystem, folder: string): void {
  const components = folder === '' ? [] : folder.split('/')
  for (let depth = 1; depth <= components.length; depth++) makeFolder(target, components.slice(0, depth).join('/'))
}

function makeFolder(target: FileSystem, path: string): void {
  const result = target.mkdir(path)
  const stat = result === -Errno.EEXIST ? target.stat(path) : undefined
  if (result < 0 && !(typeof stat === 'object' && stat.type === 'directory')) throw unwritable(path, result)
}

function copy(fs: FileSystem, target: FileSystem, folder: string, path: string, exported: Exported): void {
  const entries = fs.readdir(path)
  if (typeof entries === 'number') return
  for (const { name } of entries) {
    const [from, to] = [join(path, name), join(folder, join(path, name))]
    const stat = fs.stat(from)
    if (typeof stat === 'number') continue
    if (stat.type === 'directory') {
      makeFolder(target, to)
      copy(fs, target, folder, from, exported)
    } else if (stat.type === 'symlink') copyLink(fs, target, from, to, exported)
    else if (stat.type === 'file') {
      const bytes = readFile(fs, from, Number(stat.size)) ?? new Uint8Array(0)
      makeWay(target, to)
      const result = writeFile(target, to, bytes)
      if (result < 0) throw unwritable(to, result)
      exported.files++
      exported.size += bytes.length
    }
    target.setTimes(to, undefined, stat.mtim)
  }
}

function copyLink(fs: FileSystem, target: FileSystem, from: string, to: string, exported: Exported): void {
  const text = fs.readlink(from)
  if (typeof text === 'number' || leavesMount(from, text)) {
    exported.skipped.push(to)
    return
  }
  const there = target.stat(to)
  if (typeof there === 'object') target.unlink(to)
  const result = target.symlink(text, to)
  if (result < 0) throw unwritable(to, result)
  exported.files++
}

/** A symlink there is replaced, never written through. */
function makeWay(target: FileSystem, path: string): void {
  const stat = target.stat(path)
  if (typeof stat === 'object' && stat.type !== 'file' && stat.type !== 'directory') target.unlink(path)
}

function exists(paths: readonly string[]): StasisError {
  const shown = paths.slice(0, 10).join(', ')
  const more = paths.length > 10 ? ` and ${paths.length - 10} more` : ''
  return new StasisError(
    'STASIS_FILE_EXISTS',
    `There is already ${shown}${more}. Nothing was written; export to an empty directory, or replace them with --force.`,
    { files: paths.join('\n') },
  )
}

function unwritable(path: string, failure: number): StasisError {
  const message = `The file ${path} cannot be written (errno ${-failure}). Files that come before it are there.`
  return new StasisError('STASIS_FILE_UNWRITABLE', message, { path, errno: -failure })
}
