import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { headLength, readHead } from '../image/head.ts'
import { damaged } from '../image/layout.ts'
import type { Manifest } from '../image/manifest.ts'
import { type Address, formatAddress, resolveVersion } from './address.ts'
import { asSegment, type LogSegment, sessionFolder } from './session-log.ts'
import { blobsOf } from './session-versions/blobs.ts'
import { takeApart } from './session-versions/image-parts.ts'
import { keptNumbers, listKept, loadKept } from './session-versions/kept-versions.ts'
import { deleteFile, removeFromFile } from './session-versions/remove.ts'
import { type KeptVersion, type SaveSettings, saveVersion } from './session-versions/save-version.ts'
import { readSessionFile } from './session-versions/session-file.ts'
import { loadStart } from './start-record.ts'
import type { BlobInfo, LockOwner, Store } from './store.ts'
import { named, type VersionInfo } from './version-info.ts'

export type { VersionInfo }

export interface SessionInfo {
  readonly name: string
  /** Ascending. */
  readonly versions: readonly VersionInfo[]
  /** The live process that runs it, if any. */
  readonly owner?: LockOwner
  /** Exit code of a program that has ended and whose log was kept. */
  readonly ended?: number
  /** Its call log: pieces, bytes, and bytes behind the newest checkpoint, where the program has gone on; absent without one. */
  readonly log?: { readonly segments: number; readonly bytes: number; readonly tail: number }
}

/** An image and where it came from. */
export interface StoredImage {
  readonly address: Address
  readonly location: string
  readonly bytes: Uint8Array
  readonly isNewest: boolean
}

const sessionsPrefix = 'sessions/'
const checkpointPattern = /^sessions\/([^/]+)\/([1-9]\d{0,8})\.ckpt$/
/** A head is about 800 bytes, and 40 for each file that is carried. */
const usualHeadSize = 16_384

function checkpointName({ name, version }: Address): string {
  return `${sessionsPrefix}${name}/${version}.ckpt`
}

export function moduleName(sha256: string): string {
  return `modules/${sha256}.wasm`
}

interface Entry extends BlobInfo {
  readonly address: Address
}

/** Images that lie in the store by themselves: those of older builds, and those that cannot be taken apart. */
function asEntries(blobs: readonly BlobInfo[]): Entry[] {
  return blobs.flatMap((blob): Entry[] => {
    const match = checkpointPattern.exec(blob.name)
    return match === null ? [] : [{ ...blob, address: { name: match[1]!, version: Number(match[2]) } }]
  })
}

/** The versions of one session, ascending; empty where there is no such session. */
export async function listVersions(store: Store, name: string): Promise<readonly VersionInfo[]> {
  return versionsOf(store, name, await store.list(`${sessionsPrefix}${name}/`))
}

async function versionsOf(store: Store, name: string, blobs: readonly BlobInfo[]): Promise<readonly VersionInfo[]> {
  const own = asEntries(blobs).filter(({ address }) => address.name === name)
  const alone = await Promise.all(own.map((entry) => readVersion(store, entry)))
  const isThere = blobs.some((blob) => blob.name === blobsOf(name).data)
  const kept = isThere ? await listKept(store, name) : []
  const numbers = new Set(alone.map(({ version }) => version))
  return [...alone, ...kept.filter(({ version }) => !numbers.has(version))].sort((a, b) => a.version - b.version)
}

/** All sessions that have checkpoints or run now, by name. */
export async function listSessions(store: Store): Promise<readonly SessionInfo[]> {
  const [blobs, owners] = await Promise.all([store.list(sessionsPrefix), store.owners()])
  const names = new Set([...blobs.map(({ name }) => name.split('/')[1]!), ...owners.keys()])
  return Promise.all(
    [...names].sort().map(async (name): Promise<SessionInfo> => {
      const versions = await versionsOf(store, name, blobs)
      const owner = owners.get(name)
      const segments = blobs.filter((blob) => blob.name.startsWith(sessionFolder(name))).map(asSegment)
      const log = summarizeSegments(
        segments.filter((segment) => segment !== undefined),
        versions.at(-1),
      )
      const start = await loadStart(store, name).catch(() => undefined)
      const ended = typeof start?.ended === 'number' ? { ended: start.ended } : {}
      return { name, versions, ...(owner && { owner }), ...(log.segments > 0 && { log }), ...ended }
    }),
  )
}

function summarizeSegments(segments: readonly LogSegment[], newest: VersionInfo | undefined) {
  const sum = (some: readonly LogSegment[]) => some.reduce((bytes, { size }) => bytes + size, 0)
  const manifest = newest?.content.kind === 'intact' ? newest.content.manifest : undefined
  const { calls = 0, session = undefined } = manifest ?? {}
  const run = session?.id.slice(0, 8)
  const tail = segments.filter((segment) => segment.firstCall >= calls && (newest === undefined || segment.run === run))
  return { segments: segments.length, bytes: sum(segments), tail: sum(tail) }
}

async function readVersion(store: Store, { name, size, address }: Entry): Promise<VersionInfo> {
  const location = store.locate(name)
  const info = { version: address.version, size, added: size, location }
  try {
    return { ...info, content: { kind: 'intact', manifest: await readStoredManifest(store, name, size) } }
  } catch (error) {
    if (!isStasisError(error)) throw error
    return { ...info, content: { kind: 'damaged', error: named(error, address, location) } }
  }
}

async function readStoredManifest(store: Store, name: string, size: number): Promise<Manifest> {
  const read = async (end: number) => (await store.get(name, { end })) ?? new Uint8Array(0)
  const first = await read(usualHeadSize)
  const length = headLength(first)
  const head = readHead(length > first.length && length <= size ? await read(length) : first)
  if (head.imageLength !== size) throw damaged(`it should be ${head.imageLength} bytes long and has ${size}`, size)
  return head.manifest
}

export interface Saved {
  readonly version: number
  /** Bytes that it added to the store. */
  readonly added: number
  /** To be given with the next one; absent for an image that is kept as it is. */
  readonly kept?: KeptVersion
}

/**
 * Keeps an image, given in parts, as the next version of the session: in its checkpoint file, or as a blob of its own where it
 * cannot be taken apart. The caller holds the session's lock.
 */
export async function keepCheckpoint(
  store: Store,
  name: string,
  parts: readonly Uint8Array[],
  settings: SaveSettings = {},
): Promise<Saved> {
  const alone = asEntries(await store.list(`${sessionsPrefix}${name}/`)).map(({ address }) => address.version)
  const least = Math.max(0, ...alone) + 1
  const image = takeApart(parts)
  if (image !== undefined) return saveVersion(store, name, image, least, settings)
  const newest = (await listVersions(store, name)).at(-1)?.version ?? 0
  const version = Math.max(least, newest + 1)
  await store.put(checkpointName({ name, version }), parts)
  return { version, added: parts.reduce((sum, { length }) => sum + length, 0) }
}

/** The same, for who wants to know the version's number only. */
export async function saveCheckpoint(store: Store, name: string, parts: readonly Uint8Array[]): Promise<number> {
  return (await keepCheckpoint(store, name, parts)).version
}

/** Reads the image that an address means. Throws STASIS_VERSION_UNKNOWN; what is in it is not looked at. */
export async function loadCheckpoint(store: Store, address: Address): Promise<StoredImage> {
  const { name } = address
  const folder = await store.list(`${sessionsPrefix}${name}/`)
  const alone = asEntries(folder).map(({ address }) => address.version)
  const file = folder.some((blob) => blob.name === blobsOf(name).data) ? await readSessionFile(store, name) : undefined
  const kept = file === undefined ? [] : keptNumbers(file)
  const versions = [...new Set([...alone, ...kept])].sort((a, b) => a - b)
  const resolved = { name, version: resolveVersion(versions, address) }
  const isNewest = resolved.version === versions.at(-1)
  const blob = checkpointName(resolved)
  const location = store.locate(blob)
  const bytes = alone.includes(resolved.version) ? await store.get(blob) : undefined
  if (bytes !== undefined) return { address: resolved, location, bytes, isNewest }
  const found = await loadKept(store, resolved, file)
  if (found !== undefined) return { address: resolved, ...found, isNewest }
  // Deleted since it was listed.
  throw new StasisError('STASIS_VERSION_UNKNOWN', `${formatAddress(resolved)} is gone.`)
}

/** Runs `read` on an image from a store; its errors say which file they are about. */
export function readStored<T>(image: StoredImage, read: (bytes: Uint8Array) => T): T {
  try {
    return read(image.bytes)
  } catch (error) {
    throw blameStored(image, error)
  }
}

/** An error about what is in an image, now saying which file that is; any other one as it is. */
export function blameStored({ address, location }: StoredImage, error: unknown): unknown {
  const isAboutContent = isStasisError(error) && /^STASIS_(IMAGE_|CKP_|KERNEL_STATE_DAMAGED$)/.test(error.code)
  return isAboutContent ? named(error, address, location) : error
}

/**
 * Removes versions of a session, all unless `which` says otherwise, and then modules that no checkpoint needs any more.
 * Damaged versions are given to `which` like others. Returns the removed versions.
 */
export async function removeVersions(
  store: Store,
  name: string,
  which: (info: VersionInfo) => boolean = () => true,
): Promise<readonly number[]> {
  const removed = (await listVersions(store, name)).filter(which).map(({ version }) => version)
  for (const version of removed) await store.delete(checkpointName({ name, version }))
  if (removed.length > 0) await removeFromFile(store, name, removed)
  await removeUnusedModules(store)
  return removed
}

/** Removes all of a session: checkpoints, log, and modules that nobody needs any more. Returns the versions. */
export async function removeSession(store: Store, name: string): Promise<readonly number[]> {
  const removed = (await listVersions(store, name)).map(({ version }) => version)
  await deleteFile(store, name)
  for (const blob of await store.list(sessionFolder(name))) await store.delete(blob.name)
  await removeUnusedModules(store)
  return removed
}

export async function removeUnusedModules(store: Store): Promise<void> {
  const modules = await store.list('modules/')
  if (modules.length === 0) return
  const used = new Set<string>()
  for (const { name, versions } of await listSessions(store)) {
    // Of a session that began and is restored by its log alone.
    const start = await loadStart(store, name).catch(() => 'damaged' as const)
    if (start === 'damaged') return
    if (start !== undefined) used.add(moduleName(start.module.sha256))
    for (const { content } of versions) {
      // A damaged checkpoint may need any of them.
      if (content.kind === 'damaged') return
      used.add(moduleName(content.manifest.module.sha256))
    }
  }
  for (const { name } of modules) if (!used.has(name)) await store.delete(name)
}

/** Keeps the unmodified module for restores; does nothing where it is there already. */
export async function saveModule(store: Store, sha256: string, bytes: Uint8Array): Promise<void> {
  const name = moduleName(sha256)
  const [found] = await store.list(name)
  if (found?.size !== bytes.length) await store.put(name, [bytes])
}

export async function loadModule(store: Store, sha256: string): Promise<Uint8Array | undefined> {
  return store.get(moduleName(sha256))
}
