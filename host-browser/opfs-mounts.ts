/**
 * Directories of the origin's private file system as mounts. Its files open asynchronously, and a guest's calls do not wait
 * for that: a directory is loaded into a memory mount when the session starts, travels with the session, and is written back
 * at its checkpoints and when the program exits.
 */

import type { MountGrant } from '../runtime/session/messages.ts'
import { filesOf, type MountContent } from '../runtime/session/session-files.ts'
import { sameBytes } from '../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../wasm-shim/errors.ts'

export interface OpfsGrant {
  readonly guest: string
  /** Path of a directory in the origin's private file system, made where there is none; '' for its root. */
  readonly opfs: string
  readonly readOnly?: boolean
}

export type BrowserMount = MountGrant | OpfsGrant

const isOpfs = (grant: BrowserMount): grant is OpfsGrant => 'opfs' in grant

export const opfsGrants = (mounts: readonly BrowserMount[]): readonly OpfsGrant[] => mounts.filter(isOpfs)

/** The mounts as memory ones, with what the directories hold now. Throws STASIS_OPFS. */
export function loadOpfs(mounts: readonly BrowserMount[]): Promise<readonly MountGrant[]> {
  return Promise.all(
    mounts.map(async (grant): Promise<MountGrant> => {
      if (!isOpfs(grant)) return grant
      const { guest, opfs, readOnly = false } = grant
      const files = await attempt(opfs, async () => readTree(await openFolder(opfs)))
      return { guest, memory: true, readOnly, files }
    }),
  )
}

/** The mounts that are granted to a session that goes on: its memory mounts have their files from it. */
export const withoutOpfs = (mounts: readonly BrowserMount[]): readonly MountGrant[] =>
  mounts.filter((grant): grant is MountGrant => !isOpfs(grant))

/** Leaves the directories as the program has left their mounts. Throws STASIS_OPFS. */
export async function saveOpfs(grants: readonly OpfsGrant[], contents: readonly MountContent[]): Promise<void> {
  for (const { guest, opfs, readOnly } of grants) {
    const mount = contents.find((content) => content.guest === guest)
    if (mount === undefined || readOnly === true) continue
    const files = new Map(filesOf(mount).map(({ path, bytes }) => [relative(guest, path), bytes]))
    await attempt(opfs, async () => writeTree(await openFolder(opfs), files))
  }
}

const relative = (guest: string, path: string): string => path.slice(guest.replace(/\/+$/, '').length + 1)

async function openFolder(path: string): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory()
  for (const part of parts(path)) folder = await folder.getDirectoryHandle(part, { create: true })
  return folder
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '')

type Entries = AsyncIterable<[string, FileSystemDirectoryHandle | FileSystemFileHandle]>

async function readTree(folder: FileSystemDirectoryHandle, prefix = ''): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {}
  for await (const [name, entry] of folder as unknown as Entries) {
    if (entry.kind === 'directory') Object.assign(files, await readTree(entry, `${prefix}${name}/`))
    else files[prefix + name] = new Uint8Array(await (await entry.getFile()).arrayBuffer())
  }
  return files
}

async function writeTree(root: FileSystemDirectoryHandle, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const before = await readTree(root)
  for (const [path, bytes] of files) {
    const there = before[path]
    if (there !== undefined && sameBytes(there, bytes)) continue
    const [name, folder] = await place(root, path)
    const writable = await (await folder.getFileHandle(name, { create: true })).createWritable()
    await writable.write(bytes.slice())
    await writable.close()
  }
  for (const path of Object.keys(before)) {
    if (files.has(path)) continue
    const [name, folder] = await place(root, path)
    await folder.removeEntry(name)
  }
}

async function place(root: FileSystemDirectoryHandle, path: string): Promise<[string, FileSystemDirectoryHandle]> {
  const names = parts(path)
  const name = names.pop() ?? ''
  let folder = root
  for (const part of names) folder = await folder.getDirectoryHandle(part, { create: true })
  return [name, folder]
}

async function attempt<T>(path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `The directory "${path}" of the page's private file system cannot be used: ${reason}. It needs a secure context (https, localhost) and room.`
    throw new StasisError('STASIS_OPFS', message, { path }, { cause })
  }
}
