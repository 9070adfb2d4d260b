import { decode } from 'cborg'
import crc32 from 'crc-32'
import { inflateSync } from 'fflate'
import { concat } from '../../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { ShapeError } from '../../../wasm-shim/wasi/shapes.ts'
import { chunkAddress } from '../../log/chunks.ts'
import { ByteStream } from './byte-stream.ts'
import {
  type EntryHead,
  entryHead,
  entryKinds,
  exportDamaged,
  exportMagic,
  exportVersion,
  headerSize,
  maxHeadSize,
} from './layout.ts'
import { digestOf } from './write-export.ts'

export interface Entry extends EntryHead {
  readonly bytes: Uint8Array
  /** Where it begins in the file, for errors. */
  readonly offset: number
}

export interface ReadLimits {
  /** Bytes of one entry, before and after decompression. Default: 4 GiB. */
  readonly maxEntrySize?: number
}

/** No deflate stream expands further (RFC 1951: a block of one repeated byte). */
const maxExpansion = 1032

/**
 * The entries of an export, one at a time, `end` not among them. Everything about an entry is checked before it is given,
 * the whole when the generator ends: use nothing before that. Throws STASIS_EXPORT_FOREIGN, STASIS_EXPORT_VERSION,
 * STASIS_EXPORT_DAMAGED with the byte's offset.
 */
export async function* readExport(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { maxEntrySize = 2 ** 32 }: ReadLimits = {},
): AsyncGenerator<Entry> {
  const stream = new ByteStream(source)
  await readHeader(stream)
  const digests: Uint8Array[] = []
  let last = -1
  for (;;) {
    const { offset } = stream
    const { head, digest } = await readHead(stream)
    const rank = entryKinds.indexOf(head.kind)
    const mayRepeat = head.kind === 'chunk' || head.kind === 'log'
    if (rank < last || (rank === last && !mayRepeat))
      throw exportDamaged(`an entry "${head.kind}" stands there`, offset)
    last = rank
    if (head.kind === 'end') return await checkEnd(stream, head, digests, offset)
    digests.push(digest)
    yield { ...head, offset, bytes: await readBytes(stream, head, maxEntrySize) }
  }
}

async function readHeader(stream: ByteStream): Promise<void> {
  const header = await stream.take(headerSize)
  if (!exportMagic.every((byte, at) => header[at] === byte)) {
    const message =
      'This is not an exported session: it does not begin with the bytes 89 53 54 41 53 45 58 50. Give a file that "stasis export" wrote.'
    throw new StasisError('STASIS_EXPORT_FOREIGN', message, { offset: 0 })
  }
  if (header.length < headerSize) throw exportDamaged('it ends inside the header', header.length)
  const view = new DataView(header.buffer, header.byteOffset)
  const version = view.getUint32(8, true)
  if (version !== exportVersion) {
    const message = `The exported session has format version ${version}, and this build of Stasis reads version ${exportVersion}. Use the Stasis that wrote it, or a newer one.`
    throw new StasisError('STASIS_EXPORT_VERSION', message, { offset: 8, version, supported: exportVersion })
  }
  if (view.getUint32(12, true) !== 0) throw exportDamaged('a reserved field is not zero', 12)
}

async function readHead(stream: ByteStream): Promise<{ readonly head: EntryHead; readonly digest: Uint8Array }> {
  const { offset } = stream
  const prefix = await stream.need(8)
  const view = new DataView(prefix.buffer, prefix.byteOffset)
  const length = view.getUint32(0, true)
  if (length > maxHeadSize) throw exportDamaged(`the head of an entry would be ${length} bytes long`, offset)
  const bytes = await stream.need(length)
  if (crc32.buf(bytes) !== view.getInt32(4, true)) throw exportDamaged('the checksum of a head is wrong', offset)
  await stream.skipPadding(length)
  try {
    return { head: entryHead(decode(bytes), 'entry'), digest: chunkAddress(bytes) }
  } catch (cause) {
    const reason = cause instanceof ShapeError ? cause.message : 'the CBOR encoding is broken'
    throw exportDamaged(reason, offset, cause)
  }
}

async function readBytes(stream: ByteStream, head: EntryHead, maxEntrySize: number): Promise<Uint8Array> {
  const { offset } = stream
  const { kind, size, length, encoding, digest } = head
  const isPossible = encoding === 'stored' ? size === length : size <= length * maxExpansion
  if (!isPossible || size > maxEntrySize || length > maxEntrySize) {
    throw exportDamaged(`"${kind}" claims ${length} bytes that are ${size}`, offset)
  }
  const stored = await stream.need(length)
  if (digestOf(stored) !== digest) throw exportDamaged(`the content of "${kind}" is not what was written`, offset)
  await stream.skipPadding(length)
  if (encoding === 'stored') return stored
  try {
    const bytes = inflateSync(stored, { out: new Uint8Array(size) })
    if (bytes.length === size) return bytes
  } catch (cause) {
    throw exportDamaged(`"${kind}" cannot be decompressed`, offset, cause)
  }
  throw exportDamaged(`"${kind}" does not decompress to ${size} bytes`, offset)
}

async function checkEnd(
  stream: ByteStream,
  head: EntryHead,
  digests: readonly Uint8Array[],
  offset: number,
): Promise<void> {
  const isRight = head.size === 0 && head.length === 0 && head.digest === digestOf(concat(digests))
  if (!isRight) throw exportDamaged('the entries are not those that were written', offset)
  const { offset: end } = stream
  if ((await stream.take(1)).length > 0) throw exportDamaged('bytes follow the end', end)
}
