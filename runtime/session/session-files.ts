/** Files of a session's memory mounts, from outside: what it begins with, what a checkpoint holds, what it left. */
import { StasisError } from '../../wasm-shim/errors.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { decodeState, encodeState } from '../../wasm-shim/wasi/saved-state.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import { encodeCheckpoint } from '../image/encode.ts'
import { parseAddress } from '../store/address.ts'
import { loadCheckpoint, readStored, saveCheckpoint } from '../store/checkpoints.ts'
import { listSegments } from '../store/session-log.ts'
import type { Store } from '../store/store.ts'

export interface SessionFile {
  /** As the guest names it: `/data/report.txt`. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** The content of a memory mount, as `MemoryFileSystem.save` gives it. */
export interface MountContent {
  readonly guest: string
  readonly content: Uint8Array
}

/** A tree with these files, by paths relative to its root, all made at a time in milliseconds since the epoch. */
export function memoryTree(files: Readonly<Record<string, Uint8Array>>, time: number): Uint8Array {
  const fs = MemoryFileSystem.create(() => BigInt(Math.trunc(time)) * 1_000_000n)
  for (const [path, bytes] of Object.entries(files)) fs.put(path, bytes)
  return fs.save()
}

/** The regular files of a tree, by path. */
export function filesOf({ guest, content }: MountContent): readonly SessionFile[] {
  const fs = MemoryFileSystem.restore(content, () => 0n)
  const found: SessionFile[] = []
  const visit = (folder: string) => {
    const entries = fs.readdir(folder)
    if (typeof entries === 'number') return
    for (const { name, type } of entries) {
      const path = folder === '' ? name : `${folder}/${name}`
      if (type === 'directory') visit(path)
      else if (type === 'file') found.push({ path: below(guest, path), bytes: fs.get(path)! })
    }
  }
  visit('')
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

const below = (guest: string, path: string): string => `${guest.replace(/\/+$/, '')}/${path}`

/** The files of the memory mounts in a checkpoint: `calc`, `calc@3`. Throws STASIS_VERSION_UNKNOWN, STASIS_IMAGE_*. */
export async function sessionFiles(store: Store, address: string): Promise<readonly SessionFile[]> {
  const { checkpoint } = await open(store, address)
  const { mounts } = decodeState(checkpoint.kernel)
  return mounts.flatMap(({ guest, kind, content }) =>
    kind === 'memory' && content !== null ? filesOf({ guest, content }) : [],
  )
}

/**
 * Puts files, by their paths in the guest, into memory mounts of a session that was stopped, as a new version; resolves to
 * its number. Throws STASIS_FILES_RUNNING where the newest checkpoint is not the session's newest state, and
 * STASIS_FILES_MOUNT for a path below no memory mount.
 */
export async function putSessionFiles(
  store: Store,
  session: string,
  files: Readonly<Record<string, Uint8Array>>,
  now: number,
): Promise<number> {
  const lock = await store.lock(session)
  try {
    const { checkpoint } = await open(store, session)
    await refuseTail(store, session, checkpoint)
    const kernel = withFiles(checkpoint.kernel, files, now)
    const image = encodeCheckpoint({ ...checkpoint, cause: 'files', time: Math.trunc(now), kernel })
    return await saveCheckpoint(store, session, [image])
  } finally {
    await lock.release()
  }
}

async function open(store: Store, address: string) {
  const image = await loadCheckpoint(store, parseAddress(address))
  return { image, checkpoint: readStored(image, decodeCheckpoint) }
}

/** The program has gone on behind the checkpoint: its log would not fit one with other files. */
async function refuseTail(
  store: Store,
  session: string,
  { session: { id }, calls }: { readonly session: { readonly id: string }; readonly calls: number },
): Promise<void> {
  const segments = await listSegments(store, session)
  if (!segments.some(({ run, firstCall }) => run === id.slice(0, 8) && firstCall >= calls)) return
  const message = `${session} has gone on since its newest checkpoint. Restore it and stop it with a checkpoint; then files can be put into it.`
  throw new StasisError('STASIS_FILES_RUNNING', message, { session })
}

function withFiles(kernel: Uint8Array, files: Readonly<Record<string, Uint8Array>>, now: number): Uint8Array {
  const state = decodeState(kernel)
  const clock = () => BigInt(Math.trunc(now)) * 1_000_000n
  const changed = new Map<string, MemoryFileSystem>()
  for (const [path, bytes] of Object.entries(files)) {
    const mount = state.mounts.find(({ guest, kind }) => kind === 'memory' && path.startsWith(below(guest, '')))
    if (mount === undefined) throw noMount(path)
    const { guest, content } = mount
    const fs =
      changed.get(guest) ??
      (content === null ? MemoryFileSystem.create(clock) : MemoryFileSystem.restore(content, clock))
    changed.set(guest, fs)
    fs.put(path.slice(below(guest, '').length), bytes)
  }
  const mounts = state.mounts.map((mount) => ({
    ...mount,
    content: changed.get(mount.guest)?.save() ?? mount.content,
  }))
  return encodeState({ ...state, mounts })
}

function noMount(path: string): StasisError {
  const message = `"${path}" is below no memory mount of the session: there is nowhere to put it.`
  return new StasisError('STASIS_FILES_MOUNT', message, { path })
}
