import { StasisError } from '../../wasm-shim/errors.ts'
import { checkSessionName } from './address.ts'
import { listVersions } from './checkpoints.ts'
import { checkWhole, leaseName, loadLease, mayRun, saveLease } from './lease.ts'
import { sessionFolder } from './session-log.ts'
import { loadStart } from './start-record.ts'
import type { BlobInfo, Store } from './store.ts'

/** What a session consists of. */
export interface SessionBlobs {
  /**
   * In the order in which they are best written: the log's chunks first, then all else, how the session began last, then
   * the modules, which in a store nobody has to need before they are kept.
   */
  readonly blobs: readonly BlobInfo[]
  /** Names of modules that the session needs and the store does not have. */
  readonly missing: readonly string[]
}

/** The blobs that a session needs, its own and the modules that it shares. Throws STASIS_SESSION_UNKNOWN. */
export async function sessionBlobs(store: Store, name: string): Promise<SessionBlobs> {
  const folder = sessionFolder(name)
  const left = [`${folder}${incoming}`, leaseName(name)]
  const own = (await store.list(folder)).filter(({ name }) => !left.includes(name))
  if (own.length === 0) {
    const message = `There is no session named ${name} in ${store.url}. "stasis ls" shows those there are.`
    throw new StasisError('STASIS_SESSION_UNKNOWN', message, { name })
  }
  const needed = new Set<string>()
  const start = await loadStart(store, name).catch(() => undefined)
  if (start !== undefined) needed.add(`modules/${start.module.sha256}.wasm`)
  for (const { content } of await listVersions(store, name)) {
    if (content.kind === 'intact') needed.add(`modules/${content.manifest.module.sha256}.wasm`)
  }
  const modules = (await store.list('modules/')).filter((blob) => needed.has(blob.name))
  const rank = (blob: BlobInfo) =>
    blob.name.startsWith(`${folder}chunks/`) ? 0 : blob.name === `${folder}start.cbor` ? 2 : 1
  const ordered = own.toSorted((a, b) => rank(a) - rank(b))
  const present = new Set(modules.map((blob) => blob.name))
  return { blobs: [...ordered, ...modules], missing: [...needed].filter((module) => !present.has(module)) }
}

export interface CopyOptions {
  /** The name in the other store. Default: the same. */
  readonly as?: string
  /** Replace another session of that name. */
  readonly force?: boolean
  readonly onProgress?: (progress: CopyProgress) => void
}

export interface CopyProgress {
  /** The blob that was just copied or found to be there. */
  readonly blob: string
  /** Bytes dealt with so far, and of all blobs. */
  readonly done: number
  readonly total: number
}

export interface CopyReport {
  readonly name: string
  readonly copied: number
  /** Blobs that were there already, with the same content. */
  readonly present: number
  /** Bytes written. */
  readonly bytes: number
  readonly missing: readonly string[]
}

/** Blobs above this size are written a piece at a time, under another name first. */
const pieceSize = 8 << 20
const incoming = 'copy.part'

/**
 * Copies a session with all its versions, log and modules into another store, where it is restored like here. What is there
 * already and equal is not written again, so an interrupted copy is finished by doing it again. Both names are locked
 * meanwhile. Throws STASIS_SESSION_BUSY for a session that runs, STASIS_SESSION_EXISTS where the other store has another
 * session of that name, STASIS_SESSION_UNKNOWN.
 */
export async function copySession(
  from: Store,
  name: string,
  to: Store,
  { as = name, force = false, onProgress }: CopyOptions = {},
): Promise<CopyReport> {
  const target = sessionFolder(checkSessionName(as))
  // Before it is locked, which would make it.
  await sessionBlobs(from, name)
  await checkWhole(from, name)
  const lock = await from.lock(name)
  try {
    const targetLock = await to.lock(as)
    try {
      // As it is now that nobody changes it.
      const { blobs, missing } = await sessionBlobs(from, name)
      const source = sessionFolder(name)
      const rename = (blob: string) => (blob.startsWith(source) ? `${target}${blob.slice(source.length)}` : blob)
      const present = await comparePresent(from, blobs, to, rename, target)
      if (!force && present.other.length > 0) throw exists(to, as)
      for (const blob of present.other) await to.delete(blob)
      const total = blobs.reduce((sum, { size }) => sum + size, 0)
      let [done, bytes, copied] = [0, 0, 0]
      for (const { name: blob, size } of blobs) {
        if (!present.equal.has(blob)) {
          await copyBlob(from, blob, size, to, rename(blob), `${target}${incoming}`)
          bytes += size
          copied++
        }
        done += size
        onProgress?.({ blob, done, total })
      }
      // What may not run here may not run there either.
      const lease = await loadLease(from, name)
      if (!mayRun(lease)) await saveLease(to, as, { ...lease!, state: 'copy' })
      return { name: as, copied, present: present.equal.size, bytes, missing }
    } finally {
      await targetLock.release()
    }
  } finally {
    await lock.release()
  }
}

/** Which of the blobs the other store has, and what else it has under the session's name. */
async function comparePresent(
  from: Store,
  blobs: readonly BlobInfo[],
  to: Store,
  rename: (blob: string) => string,
  target: string,
): Promise<{ equal: ReadonlySet<string>; other: readonly string[] }> {
  const there = new Map(
    [...(await to.list(target)), ...(await to.list('modules/'))].map(({ name, size }) => [name, size] as const),
  )
  const equal = new Set<string>()
  for (const { name, size } of blobs) {
    if (there.get(rename(name)) !== size) continue
    if (await isEqual(from, name, to, rename(name), size)) equal.add(name)
  }
  const kept = new Set([...equal].map(rename))
  // A module of the same name and another content is damaged: it is written anew.
  const other = [...there.keys()].filter((name) => name.startsWith(target) && !kept.has(name))
  return { equal, other: other.filter((name) => name !== `${target}${incoming}`) }
}

async function isEqual(a: Store, nameA: string, b: Store, nameB: string, size: number): Promise<boolean> {
  for (let start = 0; start < size; start += pieceSize) {
    const range = { start, end: Math.min(size, start + pieceSize) }
    const [one, two] = await Promise.all([a.get(nameA, range), b.get(nameB, range)])
    if (one === undefined || two === undefined || one.length !== two.length) return false
    if (one.some((byte, i) => byte !== two[i])) return false
  }
  return true
}

async function copyBlob(
  from: Store,
  blob: string,
  size: number,
  to: Store,
  name: string,
  temporary: string,
): Promise<void> {
  const read = async (start: number) => {
    const piece = await from.get(blob, { start, end: Math.min(size, start + pieceSize) })
    if (piece?.length === Math.min(size - start, pieceSize)) return piece
    throw new StasisError('STASIS_BLOB_CHANGED', `${from.locate(blob)} changed while it was copied. Copy it again.`, {
      blob,
    })
  }
  if (size <= pieceSize) return to.put(name, [await read(0)])
  for (let at = 0; at < size; at += pieceSize) await to.append(temporary, at, [await read(at)])
  await to.rename(temporary, name)
}

function exists(to: Store, name: string): StasisError {
  const message = `${to.url} has another session ${name} already. Give the copy another name (--as), or replace that one (--force).`
  return new StasisError('STASIS_SESSION_EXISTS', message, { name })
}
