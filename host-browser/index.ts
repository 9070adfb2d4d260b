/**
 * `stasis/browser`: run, freeze and restore WebAssembly programs in a page.
 *
 *     const store = await openStore('indexeddb:stasis')
 *     const session = await Session.start({ module: 'app.wasm', store, name: 'calc', stdout: (bytes) => terminal.write(bytes) })
 *     const checkpoint = await session.checkpoint({ label: 'before lunch' })
 *     const outcome = await session.done
 *     const again = await Session.restore(store, 'calc')
 */
export {
  type Address,
  type Checkpoint,
  type CheckpointInfo,
  type CheckpointJson,
  type CheckpointOptions,
  checkpointToJson,
  type DecodeOptions,
  decodeCheckpoint,
  type EncodeOptions,
  encodeCheckpoint,
  findSessionLog,
  formatAddress,
  isStasisError,
  listSessions,
  listVersions,
  loadCheckpoint,
  loadModule,
  type Manifest,
  MemoryStore,
  type MountGrant,
  type Outcome,
  parseAddress,
  putSessionFiles,
  readManifest,
  removeVersions,
  type SessionEvent,
  type SessionFile,
  type SessionInfo,
  type SessionState,
  StasisError,
  type Store,
  type StoredImage,
  saveCheckpoint,
  saveModule,
  sessionCalls,
  sessionFiles,
  TrapError,
  type Trigger,
  type VersionInfo,
} from '../runtime/index.ts'
export { type IndexedDbOptions, IndexedDbStore } from './indexed-db-store.ts'
export { openStore } from './open-store.ts'
export { type BrowserMount, loadOpfs, type OpfsGrant, saveOpfs } from './opfs-mounts.ts'
export { isIsolated } from './page-host.ts'
export {
  type BrowserForkOptions,
  type BrowserReplayOptions,
  type BrowserRestoreOptions,
  type BrowserStartOptions,
  Session,
} from './sessions.ts'
export type { OutputSink, StreamOptions } from './spawn.ts'
