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

/** Everything that a session consists of: its own blobs and the modules that they name. */
export async function blobsToSend(store: Store, session: string): Promise<readonly Blob[]> {
  // A chunk is there before the log that needs it: looked for after the log's size was read, all are found.
  const before = await folderBlobs(store, session)
  const sizes = new Map((await folderBlobs(store, session)).map(({ name, size }) => [name, size]))
  const known = new Set(before.map(({ name }) => name))
  const chunks = [...sizes].filter(([name]) => name.startsWith('@/chunks/') && !known.has(name))
  const own = [...before, ...chunks.map(([name, size]) => ({ name, size }))].filter(({ name }) => sizes.has(name))
  const needed = await neededModules(store, session)
  const modules = await store.list('modules/')
  return [...own, ...modules.filter(({ name }) => needed.has(moduleHash(name)))].map(({ name, size }) => ({
    name,
    size,
  }))
}
