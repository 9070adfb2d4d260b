/**
 * `stasis/node`: run, freeze and restore WebAssembly programs in Node.
 *
 *     const store = await openStore('file:.stasis')
 *     const session = await Session.start({ module: 'app.wasm', mounts: [{ host: './data', guest: '/data' }], store, name: 'calc' })
 *     const checkpoint = await session.checkpoint({ label: 'before lunch' })
 *     const outcome = await session.done
 *     const again = await Session.restore(store, 'calc@-1', { mounts })
 */
export {
  type Address,
  type Checkpoint,
  CheckpointFile,
  type CheckpointFileOptions,
  type CheckpointInfo,
  type CheckpointJson,
  type CheckpointOptions,
  type CopyOptions,
  type CopyProgress,
  type CopyReport,
  checkpointFiles,
  checkpointToJson,
  copySession,
  type DecodeOptions,
  decodeCheckpoint,
  type EncodeOptions,
  type Exported,
  encodeCheckpoint,
  exportFiles,
  type FileListing,
  type FileVersion,
  findFile,
  formatAddress,
  isStasisError,
  listFiles,
  listSessions,
  listVersions,
  loadCheckpoint,
  type Manifest,
  MemoryCheckpoints,
  MemoryStore,
  type MountFiles,
  type MountGrant,
  type MountInMemory,
  type Outcome,
  parseAddress,
  putSessionFiles,
  type Region,
  type RegionBytes,
  type RegionVersion,
  readManifest,
  removeVersions,
  type SaveOptions,
  type SessionEvent,
  type SessionFile,
  type SessionInfo,
  type SessionState,
  StasisError,
  type Store,
  type StoredImage,
  sessionFiles,
  TrapError,
  type Trigger,
  type VersionInfo,
} from '../runtime/index.ts'
export { type OpenCheckpointFileOptions, openCheckpointFile } from './checkpoint-file-host.ts'
export { openDirectory } from './directory.ts'
export { FileStore } from './file-store.ts'
export { createNodeHost } from './host.ts'
export { openStore } from './open-store.ts'
export { type NodeRestoreOptions, type NodeStartOptions, Session } from './sessions.ts'
export type { OutputSink, StreamOptions } from './spawn.ts'
export { SqliteStore } from './sqlite/store.ts'
export { verify } from './verify.ts'
export type { CallLog, Chunks } from './wasi/call-log.ts'
export type { CheckpointsOption } from './wasi/checkpoints.ts'
export { type FileLog, fileLog, readFileLog } from './wasi/file-log.ts'
export type { LogOption, LogTarget } from './wasi/log-option.ts'
export type { WASIOptions } from './wasi/options.ts'
export type { ReplayOption } from './wasi/replay-log.ts'
export { WASI } from './wasi/wasi.ts'
