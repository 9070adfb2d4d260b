import { neededModules, ownBlobs } from '../store/session-blobs.ts'
import { sessionFolder } from '../store/session-log.ts'
import type { Store } from '../store/store.ts'
import type { Blob } from './protocol.ts'

/** A module's blob in every store. */
const modulePattern = /^modules\/([0-9a-f]{64})\.wasm$/

export const isModule = (name: string): boolean => modulePattern.test(name)

/** The SHA-256 that a module's name says, 64 hexadecimal digits. */
export const moduleHash = (name: string): string => modulePattern.exec(name)?.[1] ?? ''

/** What is in a store under a name of the protocol. */
export function storedName(session: string, name: string): string {
  return name.startsWith('@/') ? `${sessionFolder(session)}${name.slice(2)}` : name
}

/** A session's own blobs, by names of the protocol, sorted. */
export async function folderBlobs(store: Store, session: string): Promise<readonly Blob[]> {
  const { length } = sessionFolder(session)
  return (await ownBlobs(store, session)).map(({ name, size }) => ({ name: `@/${name.slice(length)}`, size }))
}

/** A piece of the log, the list of its chunks, or a chunk: what is added while no checkpoint is taken. */
export const isOfLog = (name: string): boolean => /^@\/(chunks\/|[^/]*\.(log|chunks)$)/.test(name)

/** The modules that a session needed, and what of it was there then, its log apart. */
export interface KnownModules {
  readonly rest: string
  readonly needed: ReadonlySet<string>
}

/** Everything that a session consists of: its own blobs and the modules that they name. */
export async function blobsToSend(
  store: Store,
  session: string,
  before?: KnownModules,
): Promise<{ readonly blobs: readonly Blob[]; readonly modules: KnownModules }> {
  // A chunk is there before the log that needs it: looked for after the log's size was read, all are found.
  const first = await folderBlobs(store, session)
  const sizes = new Map((await folderBlobs(store, session)).map(({ name, size }) => [name, size]))
  const known = new Set(first.map(({ name }) => name))
  const chunks = [...sizes].filter(([name]) => name.startsWith('@/chunks/') && !known.has(name))
  const own = [...first, ...chunks.map(([name, size]) => ({ name, size }))].filter(({ name }) => sizes.has(name))
  const rest = JSON.stringify(own.filter(({ name }) => !isOfLog(name)))
  const needed = before?.rest === rest ? before.needed : await neededModules(store, session)
  const modules = await store.list('modules/')
  const all = [...own, ...modules.filter(({ name }) => needed.has(moduleHash(name)))]
  return { blobs: all.map(({ name, size }) => ({ name, size })), modules: { rest, needed } }
}
