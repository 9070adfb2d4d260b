import { StasisError } from '../../wasm-shim/errors.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import type { PollMode } from '../../wasm-shim/prelink/index.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import type { Checkpoint } from '../image/model.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { LogPlace, LogStorage } from '../log/storage.ts'
import { type Address, formatAddress, resolveVersion } from '../store/address.ts'
import { listVersions, loadCheckpoint, loadModule, readStored, type VersionInfo } from '../store/checkpoints.ts'
import { listSegments } from '../store/session-log.ts'
import { loadStart } from '../store/start-record.ts'
import type { Store } from '../store/store.ts'
import { type ComparedCall, type ExpectedState, expectedState, verifyLog } from './verify-log.ts'

export interface VerifyHost {
  readonly openLog: (place: LogPlace) => LogStorage
  /** Makes the module ready for the instrumented engine; used where the log begins at a checkpoint. */
  readonly prepare: (
    module: { readonly bytes: Uint8Array; readonly sha256: string },
    polls: PollMode,
  ) => (options: EngineOptions) => Engine
}

export interface VerifyReport {
  /** Where the replay began: 'the beginning', or a checkpoint: `calc@1`. */
  readonly from: string
  readonly compared: readonly ComparedCall[]
  /** Something was compared, and nothing differs. */
  readonly isSame: boolean
}

/**
 * Compares the checkpoints of a session's newest run (or the one that the address names) with a replay of its log: see
 * `verifyLog`. Throws STASIS_VERIFY_NOTHING where log or checkpoints are not there, and STASIS_VERSION_UNKNOWN.
 */
export async function verifySession(host: VerifyHost, store: Store, address: Address): Promise<VerifyReport> {
  const { name } = address
  const versions = await listVersions(store, name)
  const isThere = versions.length > 0 || (await listSegments(store, name)).length > 0
  if (isThere && versions.length === 0) throw nothing(name, 'It has no checkpoint.')
  const wanted = resolveVersion(numbers(versions), address)
  const intact = versions.filter(({ content }) => content.kind === 'intact')
  const chosen = address.version === 0 ? intact.at(-1) : intact.find(({ version }) => version === wanted)
  const place = store.logPlace?.(name)
  if (chosen === undefined || place === undefined) throw nothing(name, 'It has no intact checkpoint, or no log.')
  const { id, module } = { id: manifestOf(chosen).session.id, module: manifestOf(chosen).module }
  const own = intact.filter((version) => manifestOf(version).session.id === id)
  const segments = (await listSegments(store, name)).filter(({ run }) => run === id.slice(0, 8))
  const base = await findBase(store, name, id, own, segments[0]?.firstCall)
  const later = own.filter(({ version }) => version > (base.version ?? 0))
  const targets = address.version === 0 ? later : later.filter(({ version }) => version === wanted)
  if (targets.length === 0) throw nothing(name, 'Its log begins at that checkpoint.')
  const bytes = await loadModule(store, module.sha256)
  if (bytes === undefined) throw nothing(name, `The store does not have its module (SHA-256 ${module.sha256}).`)
  const storage = host.openLog(place)
  const tail = segments.map(({ blob, firstCall }) => ({ name: blob.slice(blob.lastIndexOf('/') + 1), firstCall }))
  const load = (version: number) => loadOne(store, { name, version })
  const first = base.version === undefined ? undefined : await load(base.version)
  const model = readModule(bytes)
  const expected: ExpectedState[] = []
  // One image at a time.
  for (const { version } of targets) {
    expected.push(expectedState(model, formatAddress({ name, version }), await load(version)))
  }
  const compared = verifyLog({
    module: bytes,
    source: new SegmentedLog(storage, id, tail, first?.calls ?? 0),
    chunks: storage.chunks,
    expected,
    ...(first && {
      from: {
        checkpoint: first,
        create: host.prepare({ bytes, sha256: module.sha256 }, manifestOf(own[0]!).prelink.polls),
      },
    }),
  })
  const isSame = compared.some(({ kind }) => kind === 'same') && compared.every(({ kind }) => kind !== 'different')
  return {
    from: first === undefined ? 'the beginning' : formatAddress({ name, version: base.version! }),
    compared,
    isSame,
  }
}

const numbers = (versions: readonly VersionInfo[]): readonly number[] => versions.map(({ version }) => version)

function manifestOf({ content }: VersionInfo) {
  if (content.kind !== 'intact') throw content.error
  return content.manifest
}

async function loadOne(store: Store, address: Address): Promise<Checkpoint> {
  return readStored(await loadCheckpoint(store, address), decodeCheckpoint)
}

/** The session's beginning, or the checkpoint that the oldest piece of its log follows. */
async function findBase(
  store: Store,
  name: string,
  id: string,
  own: readonly VersionInfo[],
  firstCall: number | undefined,
): Promise<{ readonly version?: number }> {
  if (firstCall === undefined) throw nothing(name, 'It has no log.')
  const start = await loadStart(store, name).catch(() => undefined)
  if (start?.id === id && firstCall === 0) return {}
  const base = own.find((version) => manifestOf(version).calls === firstCall)
  if (base === undefined) throw nothing(name, `Its log begins with call ${firstCall}, where no checkpoint is left.`)
  return { version: base.version }
}

function nothing(name: string, why: string): StasisError {
  const message =
    `There is nothing to compare ${name} with. ${why} ` +
    'A log that reaches back to the beginning is kept by: stasis run --keep --keep-log.'
  return new StasisError('STASIS_VERIFY_NOTHING', message, { name })
}
