import { decode } from 'cborg'
import { isStasisError } from '../../../wasm-shim/errors.ts'
import { list, natural, type Shape, ShapeError } from '../../../wasm-shim/wasi/shapes.ts'
import { decodeCheckpoint } from '../../image/decode.ts'
import { encodeCheckpoint } from '../../image/encode.ts'
import type { Checkpoint } from '../../image/model.ts'
import { refuseExisting } from '../../session/launch.ts'
import { checkSessionName } from '../../store/address.ts'
import { removeUnusedModules, saveCheckpoint, saveModule } from '../../store/checkpoints.ts'
import { forkLease } from '../../store/lease.ts'
import { chunkName, sessionFolder } from '../../store/session-log.ts'
import { readStart, startBlob } from '../../store/start-record.ts'
import type { Store } from '../../store/store.ts'
import type { ExportHost } from './export-session.ts'
import { exportDamaged, exportMagic } from './layout.ts'
import { type SharedRun, withModulePages } from './module-pages.ts'
import { type Entry, type ReadLimits, readExport } from './read-export.ts'
import { digestOf } from './write-export.ts'

/** A piece of log, or the addresses of the chunks that it needs. */
const logName = /^\d{1,16}-[0-9a-f]{8}\.log(\.chunks)?$/

export interface ImportOptions extends ReadLimits {
  /** Default: the name that it was exported with. */
  readonly name?: string
}

/**
 * Makes a session of an exported one, and returns its name. The export is untrusted: all of it is checked, and where
 * something is wrong nothing of it stays. It is a session of its own. Throws STASIS_EXPORT_*, STASIS_IMAGE_*, STASIS_SESSION_EXISTS.
 */
export async function importSession(
  host: ExportHost,
  store: Store,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { name: wanted, ...limits }: ImportOptions = {},
): Promise<string> {
  const entries = readExport(source, limits)
  const first = await entries.next()
  if (first.done || first.value.kind !== 'session') throw exportDamaged('it does not begin with a session', 16)
  const name = checkName(wanted ?? first.value.name, first.value)
  const lock = await store.lock(name)
  try {
    await refuseExisting(store, name)
    try {
      await storeEntries(host, store, name, entries)
      // A file can be read many times: what is made of it is no other one's session.
      await forkLease(store, name, host.uuid())
    } catch (error) {
      for (const blob of await store.list(sessionFolder(name))) await store.delete(blob.name)
      await removeUnusedModules(store)
      throw error
    }
  } finally {
    await lock.release()
  }
  return name
}

function checkName(name: string, { offset }: Entry): string {
  try {
    return checkSessionName(name)
  } catch (error) {
    if (!isStasisError(error)) throw error
    throw exportDamaged(`it is of a session ${JSON.stringify(name.slice(0, 100))}, which is no name`, offset, error)
  }
}

/** What begins the session comes last, when the end has been seen: who dies before leaves nothing that can be restored. */
async function storeEntries(
  host: ExportHost,
  store: Store,
  name: string,
  entries: AsyncIterable<Entry>,
): Promise<void> {
  let module: { readonly sha256: string; readonly bytes: Uint8Array } | undefined
  let runs: readonly SharedRun[] = []
  let start: Uint8Array | undefined
  let image: Uint8Array | undefined
  for await (const entry of entries) {
    const { bytes, offset } = entry
    switch (entry.kind) {
      case 'module':
        module = { sha256: await host.sha256(bytes), bytes }
        if (module.sha256 !== entry.name)
          throw exportDamaged(`the module is not the one with SHA-256 ${entry.name}`, offset)
        await saveModule(store, module.sha256, bytes)
        break
      case 'chunk':
        if (digestOf(bytes) !== entry.name) throw exportDamaged('a chunk is not what its address says', offset)
        await store.put(chunkName(name, entry.name), [bytes])
        break
      case 'log':
        if (!logName.test(entry.name)) {
          throw exportDamaged('a piece of log has no proper name', offset)
        }
        await store.put(`${sessionFolder(name)}${entry.name}`, [bytes])
        break
      case 'start':
        if (readStart(bytes).module.sha256 !== module?.sha256)
          throw exportDamaged('it began with another module', offset)
        start = bytes
        break
      case 'image':
        image = imageOf(bytes, runs, module, offset)
        break
      case 'pages':
        runs = readRuns(bytes, offset)
        break
    }
  }
  if (start === undefined && image === undefined) throw exportDamaged('it holds no state to go on from', 16)
  if (start !== undefined) await store.put(startBlob(name), [start])
  if (image !== undefined) await saveCheckpoint(store, name, [image])
}

const runShape: Shape<SharedRun> = (value, where) => {
  const numbers = list(natural(2 ** 32))(value, where)
  if (numbers.length !== 3) throw new ShapeError(`${where} is no run of pages`)
  return numbers as unknown as SharedRun
}

function readRuns(bytes: Uint8Array, offset: number): readonly SharedRun[] {
  try {
    return list(runShape)(decode(bytes), 'pages')
  } catch (cause) {
    throw exportDamaged('the list of shared pages cannot be read', offset, cause)
  }
}

/** The whole image, as a store keeps it. */
function imageOf(
  bytes: Uint8Array,
  runs: readonly SharedRun[],
  module: { readonly sha256: string; readonly bytes: Uint8Array } | undefined,
  offset: number,
): Uint8Array {
  const checkpoint = decodeCheckpoint(bytes)
  if (module === undefined || checkpoint.module.sha256 !== module.sha256) {
    throw exportDamaged('it is of another module', offset)
  }
  let whole: Checkpoint
  try {
    whole = withModulePages(checkpoint, runs, module.bytes)
  } catch (cause) {
    throw exportDamaged((cause as Error).message, offset, cause)
  }
  return encodeCheckpoint(whole)
}

/** The name of the session in a file that begins with `bytes`. Throws STASIS_EXPORT_*. */
export async function nameOfExported(bytes: Uint8Array): Promise<string> {
  const first = await readExport([bytes]).next()
  if (first.done || first.value.kind !== 'session') throw exportDamaged('it does not begin with a session', 16)
  return first.value.name
}

export const isExported = (bytes: Uint8Array): boolean => exportMagic.every((byte, at) => bytes[at] === byte)
