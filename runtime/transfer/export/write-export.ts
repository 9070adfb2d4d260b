import { encode } from 'cborg'
import crc32 from 'crc-32'
import { deflateSync } from 'fflate'
import { concat, hex } from '../../../wasm-shim/bytes/arrays.ts'
import { chunkAddress } from '../../log/chunks.ts'
import { type EntryHead, type EntryKind, exportMagic, exportVersion, headerSize } from './layout.ts'

/** Writes the entries of an export, in parts. The same entries give the same bytes on every host. */
export class ExportWriter {
  readonly #digests: Uint8Array[] = []

  header(): Uint8Array {
    const header = new Uint8Array(headerSize)
    header.set(exportMagic)
    new DataView(header.buffer).setUint32(8, exportVersion, true)
    return header
  }

  /** `compress` is for bytes that are not compressed yet; they stay as they are where they would grow. */
  *entry(kind: EntryKind, name: string, bytes: Uint8Array, compress: boolean): Generator<Uint8Array> {
    // Not a host's own codec: those of different hosts and versions give different bytes.
    const small = compress && bytes.length > 0 ? deflateSync(bytes, { level: 6 }) : bytes
    const isSmaller = small.length < bytes.length
    const stored = isSmaller ? small : bytes
    const encoding = isSmaller ? 'deflate' : 'stored'
    yield* this.#write({ kind, name, size: bytes.length, encoding, length: stored.length, digest: digestOf(stored) })
    yield stored
    yield padding(stored.length)
  }

  *end(): Generator<Uint8Array> {
    yield* this.#write({ kind: 'end', name: '', size: 0, encoding: 'stored', length: 0, digest: this.#digestOfHeads() })
  }

  #digestOfHeads(): string {
    return digestOf(concat(this.#digests))
  }

  *#write(head: EntryHead): Generator<Uint8Array> {
    const bytes = encode(head)
    this.#digests.push(chunkAddress(bytes))
    const prefix = new Uint8Array(8)
    const view = new DataView(prefix.buffer)
    view.setUint32(0, bytes.length, true)
    view.setInt32(4, crc32.buf(bytes), true)
    yield prefix
    yield bytes
    yield padding(bytes.length)
  }
}

export function digestOf(bytes: Uint8Array): string {
  return hex(chunkAddress(bytes))
}

export function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 7)
}
