/**
 * `stasis`: checkpoints of WebAssembly programs, but for the parts that depend on the host. `stasis/node` has everything
 * here and sessions in worker threads, stores in directories. Another host makes its own sessions of `startSession`,
 * `restoreSession` (on the thread that serves people) and `serveGuest` (in the thread that the guest runs in).
 */
export { isStasisError, StasisError } from '../wasm-shim/errors.ts'
export type { Engine, EngineOptions, Entry, InstanceState, RunOutcome, StackState } from './engine/engine.ts'
export { createInstrumentedEngine } from './engine/instrumented.ts'
export { type LogOnlyEngine, type ObservedState, prepareLogOnly } from './engine/log-only.ts'
export { type CheckpointDifference, compareCheckpoints, type MemoryDifference } from './image/compare.ts'
export { type DecodeOptions, decodeCheckpoint, readManifest } from './image/decode.ts'
export { type EncodeOptions, encodeCheckpoint } from './image/encode.ts'
export { type CheckpointJson, checkpointToJson } from './image/json.ts'
export type { Manifest } from './image/manifest.ts'
export type { Checkpoint } from './image/model.ts'
export { type NamedRegion, regionsOf } from './image/regions.ts'
export { imageFromJson, imageToJson, type WholeImageJson, type WholeSection } from './image/whole-json.ts'
export type { MemoryOptions, MemorySource, RowLookup } from './intercept/call-site.ts'
export { type Fault, faults } from './intercept/faults.ts'
export { importSites, interceptImports } from './intercept/imports.ts'
export { compose, type ImportFunction, type ImportSite, type Interceptor } from './intercept/interceptor.ts'
export { type Limits, limit } from './intercept/limit.ts'
export { type RecordOptions, record } from './intercept/record.ts'
export { type RecoverOptions, recover } from './intercept/recover.ts'
export { type ReplayOptions, replay } from './intercept/replay.ts'
export { type TraceOptions, trace } from './intercept/trace.ts'
export { type VirtualTimeOptions, virtualTime } from './intercept/virtual-time.ts'
export { CallFilter, type CallFilterOptions } from './log/call-filter.ts'
export { type CallJson, callToJson } from './log/call-json.ts'
export { type CallView, viewRecord } from './log/call-view.ts'
export { type ChunkStore, MemoryChunkStore, type Payload, payloadBytes, payloadPieces } from './log/chunks.ts'
export { formatCall } from './log/format-call.ts'
export type { LogHeader } from './log/header.ts'
export { CallJoiner, type LoggedCall } from './log/join-calls.ts'
export { Quirk } from './log/layout.ts'
export { LogReader, type LogSource, openLog, readLog, readLogAsync } from './log/reader.ts'
export type { LogFunction, LogRecord, LogTail } from './log/record.ts'
export { type CallCount, LogCounter, type LogStatistics, type LogSummary, summarizeLog } from './log/summary.ts'
export { LogWriter, type LogWriterOptions, type ResumePoint } from './log/writer.ts'
export type { RegionMigration } from './session/carried-regions.ts'
export type { CheckpointOptions } from './session/checkpoint-requests.ts'
export { ControlBlock } from './session/control-block.ts'
export type { SessionEvent } from './session/events.ts'
export { checkpointFiles, type FileListing, listFiles, type MountFiles } from './session/files/checkpoint-files.ts'
export { type Exported, exportFiles } from './session/files/export-files.ts'
export { findFile } from './session/files/find-file.ts'
export { type GuestThread, serveGuest } from './session/guest.ts'
export type { FromGuest, Message, MountGrant, MountInMemory, Post, ToGuest, TortureCount } from './session/messages.ts'
export type { RestoreOptions, StartOptions } from './session/options.ts'
export type { CheckpointInfo, Outcome } from './session/outcome.ts'
export { TrapError } from './session/packed-error.ts'
export type { GuestPort } from './session/parts.ts'
export { forkSession, type ReplayOptions as SessionReplayOptions, replaySession } from './session/replay.ts'
export { restoreSession } from './session/restore.ts'
export { Session } from './session/session.ts'
export { putSessionFiles, type SessionFile, sessionFiles } from './session/session-files.ts'
export type { SessionHost } from './session/session-host.ts'
export { startSession } from './session/start.ts'
export type { SessionState } from './session/state.ts'
export type { Trigger } from './session/triggers.ts'
export { type Address, formatAddress, parseAddress, resolveVersion } from './store/address.ts'
export { CheckpointFile } from './store/checkpoint-file/checkpoint-file.ts'
export { MemoryCheckpoints } from './store/checkpoint-file/memory-storage.ts'
export type {
  CheckpointFileOptions,
  FileVersion,
  RegionVersion,
  SaveOptions,
} from './store/checkpoint-file/options.ts'
export type { Region, RegionBytes } from './store/checkpoint-file/regions.ts'
export type { ByteFile, CheckpointStorage } from './store/checkpoint-file/storage.ts'
export {
  listSessions,
  listVersions,
  loadCheckpoint,
  loadModule,
  removeVersions,
  type SessionInfo,
  type StoredImage,
  saveCheckpoint,
  saveModule,
  type VersionInfo,
} from './store/checkpoints.ts'
export {
  type CopyOptions,
  type CopyProgress,
  type CopyReport,
  copySession,
  type SessionBlobs,
  sessionBlobs,
} from './store/copy-session.ts'
export { type Collected, collectGarbage, compactSession } from './store/gc.ts'
export type { RetentionRules } from './store/kept.ts'
export { MemoryStore } from './store/memory-store.ts'
export { type LogEnd, type LogEvent, type SessionCallsOptions, sessionCalls } from './store/session-calls.ts'
export { findSessionLog, type LogCheckpoint, type LogSegment, type SessionLog } from './store/session-log.ts'
export type { BlobInfo, LockOwner, SessionLock, Store } from './store/store.ts'
export {
  type ComparedCall,
  type ExpectedState,
  expectedState,
  type VerifyInput,
  verifyLog,
} from './verify/verify-log.ts'
export { type VerifyHost, type VerifyReport, verifySession } from './verify/verify-session.ts'
