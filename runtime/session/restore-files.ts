import { StasisError } from '../../wasm-shim/errors.ts'
import { openFlags } from '../../wasm-shim/wasi/calls/open.ts'
import { OFlags } from '../../wasm-shim/wasi/flags.ts'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import type { WrittenTree } from '../../wasm-shim/wasi/recovery/written-files.ts'
import { parseAddress, resolveVersion } from '../store/address.ts'
import { listVersions } from '../store/checkpoints.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { Store } from '../store/store.ts'
import type { MountGrant } from './messages.ts'
import { replaySession } from './replay.ts'
import type { SessionHost } from './session-host.ts'

/**
 * Puts the files below the granted host directories back to what the session had written there at a version: files that
 * it changed or removed since get their content again, files that it made since are removed. What they held is told by
 * re-executing the log from the beginning. Nothing is changed when it throws: STASIS_FILES_UNKNOWN where the log does not
 * reach back, or where the session changed a file that was there before it.
 */
export async function restoreFiles(
  host: SessionHost,
  store: Store,
  address: string,
  mounts: readonly MountGrant[],
): Promise<RestoredFiles> {
  const wanted = parseAddress(address)
  const versions = await listVersions(store, wanted.name)
  const version = resolveVersion(
    versions.map((info) => info.version),
    wanted,
  )
  const content = versions.find((info) => info.version === version)!.content
  if (content.kind === 'damaged') throw content.error
  // A replay reads what lies below an overlay, and no other directory.
  const overlays = mounts.filter((mount) => 'overlay' in mount && mount.overlay === true)
  const earlier = await treesAt(host, store, wanted.name, content.manifest.calls, overlays)
  const later = await treesAt(host, store, wanted.name, Number.MAX_SAFE_INTEGER, overlays)
  const changes = mounts.flatMap((mount) => {
    if (!('host' in mount) || mount.readOnly === true || mount.overlay === true) return []
    const own = (trees: readonly WrittenTree[]) => trees.find(({ guest }) => guest === mount.guest)
    return [{ mount, before: own(earlier), after: own(later) }]
  })
  const lost = changes.flatMap(({ mount, before, after }) => lostFiles(mount.guest, before, after))
  if (lost.length > 0) throw unknown(wanted.name, lost)
  const { openDirectory } = host
  const restored = { written: 0, removed: 0 }
  for (const { mount, before, after } of changes) {
    if (!('host' in mount) || openDirectory === undefined) continue
    const fs = openDirectory(mount.host)
    apply(fs, filesOf(before), filesOf(after), restored)
    fs.close?.()
  }
  return restored
}

export interface RestoredFiles {
  written: number
  removed: number
}

async function treesAt(
  host: SessionHost,
  store: Store,
  name: string,
  until: number,
  mounts: readonly MountGrant[],
): Promise<readonly WrittenTree[]> {
  let trees: readonly WrittenTree[] = []
  const session = await replaySession(host, store, name, {
    ...{ until, files: true, echo: false, store: new MemoryStore(), name, mounts },
    onEvent: (event) => {
      if (event.kind === 'files') trees = event.trees
    },
  })
  const outcome = await session.done
  if (outcome.kind === 'trapped') throw outcome.error
  return trees
}

/** Changed since without its content then being known. */
function lostFiles(guest: string, before: WrittenTree | undefined, after: WrittenTree | undefined): readonly string[] {
  const known = filesOf(before)
  return (after?.unknown ?? []).filter((path) => !known.has(path)).map((path) => `${guest}/${path}`)
}

function unknown(name: string, files: readonly string[]): StasisError {
  const message = `${name} changed files that were there before it, and what they held is not known: ${files.join(', ')}. Put them back yourself and restore with --files keep.`
  return new StasisError('STASIS_FILES_UNKNOWN', message, { name, files: files.join('\n') })
}

/** Content by path; directories are null. */
function filesOf(written: WrittenTree | undefined): ReadonlyMap<string, Uint8Array | null> {
  const found = new Map<string, Uint8Array | null>()
  if (written === undefined) return found
  const fs = MemoryFileSystem.restore(written.tree, () => 0n)
  const walk = (folder: string) => {
    const entries = fs.readdir(folder)
    if (typeof entries === 'number') return
    for (const { name, type } of entries) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (type === 'directory') {
        found.set(path, null)
        walk(path)
      } else if (type === 'file') found.set(path, fs.get(path)!)
    }
  }
  walk('')
  return found
}

function apply(
  fs: FileSystem,
  before: ReadonlyMap<string, Uint8Array | null>,
  after: ReadonlyMap<string, Uint8Array | null>,
  restored: RestoredFiles,
): void {
  // What was made later, innermost first.
  for (const [path, content] of [...after].reverse()) {
    if (before.has(path)) continue
    if ((content === null ? fs.rmdir(path) : fs.unlink(path)) >= 0) restored.removed++
  }
  for (const [path, content] of before) {
    if (content === null) fs.mkdir(path)
    else if (write(fs, path, content)) restored.written++
  }
}

/** False where it has that content already. */
function write(fs: FileSystem, path: string, content: Uint8Array): boolean {
  if (hasContent(fs, path, content)) return false
  const handle = fs.open(path, openFlags(true, true, 0, OFlags.creat | OFlags.trunc))
  if (typeof handle === 'number') throw unwritable(path, handle)
  for (let at = 0; at < content.length; ) {
    const count = handle.write(content.subarray(at), at)
    if (count <= 0) throw unwritable(path, count)
    at += count
  }
  handle.close()
  return true
}

function hasContent(fs: FileSystem, path: string, content: Uint8Array): boolean {
  const stat = fs.stat(path)
  if (typeof stat === 'number' || stat.type !== 'file' || stat.size !== BigInt(content.length)) return false
  const handle = fs.open(path, openFlags(true, false, 0))
  if (typeof handle === 'number') return false
  const found = new Uint8Array(content.length)
  for (let at = 0, count = 1; at < found.length && count > 0; at += count) count = handle.read(found.subarray(at), at)
  handle.close()
  return found.every((byte, i) => byte === content[i])
}

function unwritable(path: string, failure: number): StasisError {
  const message = `The file ${path} cannot be put back (errno ${-failure}). Files that come after it are as they were.`
  return new StasisError('STASIS_FILE_UNWRITABLE', message, { path, errno: -failure })
}
