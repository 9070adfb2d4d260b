import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { headLength, readHead } from '../image/head.ts'
import { damaged } from '../image/layout.ts'
import type { Manifest } from '../image/manifest.ts'
import { type Address, formatAddress, resolveVersion } from './address.ts'
import { asSegment, type LogSegment, sessionFolder } from './session-log.ts'
import { loadStart } from './start-record.ts'
import type { BlobInfo, LockOwner, Store } from './store.ts'

/** One version of a session as it lies in a store. A damaged one is listed with what is wrong with it. */
export interface VersionInfo {
  readonly version: number
  /** Bytes of the image. */
  readonly size: number
  readonly location: string
  readonly content: { readonly kind: 'intact'; readonly manifest: Manifest } | DamagedContent
}

export interface DamagedContent {
  readonly kind: 'damaged'
  readonly error: StasisError
}

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

function moduleName(sha256: string): string {
  return `modules/${sha256}.wasm`
}

interface Entry extends BlobInfo {
  readonly address: Address
}

async function listEntries(store: Store, prefix: string): Promise<Entry[]> {
  return asEntries(await store.list(prefix))
}

function asEntries(blobs: readonly BlobInfo[]): Entry[] {
  const entries = blobs.flatMap((blob): Entry[] => {
    const match = checkpointPattern.exec(blob.name)
    return match === null ? [] : [{ ...blob, address: { name: match[1]!, version: Number(match[2]) } }]
  })
  return entries.sort((a, b) => a.address.version - b.address.version)
}

/** The versions of one session, ascending; empty where there is no such session. */
export async function listVersions(store: Store, name: string): Promise<readonly VersionInfo[]> {
  const entries = await listEntries(store, `${sessionsPrefix}${name}/`)
  return Promise.all(entries.map((entry) => readVersion(store, entry)))
}

/** All sessions that have checkpoints or run now, by name. */
export async function listSessions(store: Store): Promise<readonly SessionInfo[]> {
  const [blobs, owners] = await Promise.all([store.list(sessionsPrefix), store.owners()])
  const entries = asEntries(blobs)
  const names = new Set([...blobs.map(({ name }) => name.split('/')[1]!), ...owners.keys()])
  return Promise.all(
    [...names].sort().map(async (name): Promise<SessionInfo> => {
      const own = entries.filter(({ address }) => address.name === name)
      const versions = await Promise.all(own.map((entry) => readVersion(store, entry)))
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
  const info = { version: address.version, size, location }
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

/** The same error, saying which file it is about. */
function named(error: StasisError, address: Address, location: string): StasisError {
  const fields = { ...error.fields, name: address.name, version: address.version, location }
  return new StasisError(error.code, `${formatAddress(address)} (${location}): ${error.message}`, fields, {
    cause: error,
  })
}

/**
 * Writes an image, given in parts, as the next version of the session and returns its number. The caller holds the
 * session's lock.
 */
export async function saveCheckpoint(store: Store, name: string, parts: readonly Uint8Array[]): Promise<number> {
  const entries = await listEntries(store, `${sessionsPrefix}${name}/`)
  const version = (entries.at(-1)?.address.version ?? 0) + 1
  await store.put(checkpointName({ name, version }), parts)
  return version
}

/** Reads the image that an address means. Throws STASIS_VERSION_UNKNOWN; what is in it is not looked at. */
export async function loadCheckpoint(store: Store, address: Address): Promise<StoredImage> {
  const entries = await listEntries(store, `${sessionsPrefix}${address.name}/`)
  const versions = entries.map((entry) => entry.address.version)
  const resolved = { name: address.name, version: resolveVersion(versions, address) }
  const blob = checkpointName(resolved)
  const bytes = await store.get(blob)
  // Deleted since it was listed.
  if (bytes === undefined) throw new StasisError('STASIS_VERSION_UNKNOWN', `${formatAddress(resolved)} is gone.`)
  return { address: resolved, location: store.locate(blob), bytes, isNewest: resolved.version === versions.at(-1) }
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
  const isAboutContent = isStasisError(error) && /^STASIS_(IMAGE_|KERNEL_STATE_DAMAGED$)/.test(error.code)
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
  await removeUnusedModules(store)
  return removed
}

/** Removes all of a session: checkpoints, log, and modules that nobody needs any more. Returns the versions. */
export async function removeSession(store: Store, name: string): Promise<readonly number[]> {
  const removed = (await listVersions(store, name)).map(({ version }) => version)
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
