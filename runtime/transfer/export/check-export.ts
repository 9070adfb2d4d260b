import { decode } from 'cborg'
import { isStasisError, StasisError } from '../../../wasm-shim/errors.ts'
import { list, natural, type Shape, ShapeError } from '../../../wasm-shim/wasi/shapes.ts'
import { decodeCheckpoint } from '../../image/decode.ts'
import { encodeCheckpoint } from '../../image/encode.ts'
import type { Checkpoint } from '../../image/model.ts'
import { checkSessionName } from '../../store/address.ts'
import { readStart } from '../../store/start-record.ts'
import type { ExportHost } from './export-session.ts'
import { exportDamaged } from './layout.ts'
import { type SharedRun, withModulePages } from './module-pages.ts'
import { type Entry, type ReadLimits, readExport } from './read-export.ts'
import { digestOf } from './write-export.ts'

/** A piece of log, or the addresses of the chunks that it needs. */
const logName = /^\d{1,16}-[0-9a-f]{8}\.log(\.chunks)?$/

interface Module {
  readonly sha256: string
  readonly bytes: Uint8Array
}

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/**
 * The entries of an export as `readExport` gives them, the first of kind `session` among them, each found to be what it
 * says and to belong to the others; the image is whole, with the pages that it shares with the module. Use nothing before the generator has ended. Throws STASIS_EXPORT_*, STASIS_IMAGE_*.
 */
export async function* checkedEntries(host: ExportHost, source: Source, limits?: ReadLimits): AsyncGenerator<Entry> {
  let module: Module | undefined
  let runs: readonly SharedRun[] = []
  let isFirst = true
  let canGoOn = false
  for await (const entry of readExport(source, limits)) {
    const { kind, name, bytes, offset } = entry
    if (isFirst !== (kind === 'session')) break
    isFirst = false
    switch (kind) {
      case 'module':
        module = { sha256: await host.sha256(bytes), bytes }
        if (module.sha256 !== name) throw exportDamaged(`the module is not the one with SHA-256 ${name}`, offset)
        break
      case 'chunk':
        if (digestOf(bytes) !== name) throw exportDamaged('a chunk is not what its address says', offset)
        break
      case 'log':
        if (!logName.test(name)) throw exportDamaged('a piece of log has no proper name', offset)
        break
      case 'start':
        if (readStart(bytes).module.sha256 !== module?.sha256)
          throw exportDamaged('it began with another module', offset)
        canGoOn = true
        break
      case 'pages':
        runs = readRuns(bytes, offset)
        break
      case 'image':
        canGoOn = true
        yield { ...entry, bytes: imageOf(bytes, runs, module, offset) }
        continue
    }
    yield entry
  }
  if (isFirst) throw exportDamaged('it does not begin with a session', 16)
  if (!canGoOn) throw exportDamaged('it holds no state to go on from', 16)
}

/** Checks every byte of an export, one entry in memory at a time; resolves to its session's name. Throws what import does. */
export async function verifyExport(host: ExportHost, source: Source, limits?: ReadLimits): Promise<string> {
  let session = ''
  for await (const entry of checkedEntries(host, source, limits)) if (entry.kind === 'session') session = nameIn(entry)
  return session
}

/** The image in an export, after all of it was checked. Throws what import does, and STASIS_VERSION_UNKNOWN where it has none. */
export async function imageOfExport(host: ExportHost, source: Source): Promise<Uint8Array> {
  let image: Uint8Array | undefined
  for await (const { kind, bytes } of checkedEntries(host, source)) if (kind === 'image') image = bytes
  if (image !== undefined) return image
  const message = 'The exported session has no checkpoint, only its call log. "stasis restore" goes on from that.'
  throw new StasisError('STASIS_VERSION_UNKNOWN', message)
}

/** The name that a session was exported with, or `wanted`. Throws STASIS_EXPORT_DAMAGED where it is none. */
export function nameIn({ name, offset }: Entry, wanted?: string): string {
  try {
    return checkSessionName(wanted ?? name)
  } catch (error) {
    if (!isStasisError(error) || wanted !== undefined) throw error
    throw exportDamaged(`it is of a session ${JSON.stringify(name.slice(0, 100))}, which is no name`, offset, error)
  }
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
  module: Module | undefined,
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
