import { createBLAKE3 } from 'hash-wasm'
import { hex } from '../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { addressSize, chunkSize } from './layout.ts'

/**
 * Where payloads go that are too large for the log. A chunk is at most 256 KiB and is named by its content (BLAKE3 in 64
 * hexadecimal digits), so equal ones are stored once. Both methods are synchronous, since the guest's call waits; `put`
 * copies what it keeps, and a chunk has to be as durable as the log before the next block reaches the log's sink.
 */
export interface ChunkStore {
  put(address: string, bytes: Uint8Array): void
  get(address: string): Uint8Array | undefined
}

/** What a reader needs of it. */
export type ChunkSource = Pick<ChunkStore, 'get'>

/** Chunks in memory, for tests and short sessions. */
export class MemoryChunkStore implements ChunkStore {
  readonly #chunks = new Map<string, Uint8Array>()

  put(address: string, bytes: Uint8Array): void {
    if (!this.#chunks.has(address)) this.#chunks.set(address, bytes.slice())
  }

  get(address: string): Uint8Array | undefined {
    return this.#chunks.get(address)
  }

  get size(): number {
    return this.#chunks.size
  }
}

// Made once while the module loads: hash-wasm compiles asynchronously and hashes synchronously.
const hasher = await createBLAKE3()

export function chunkAddress(bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest('binary')
}

/** Bytes of a call, in the log or in chunks. Valid until the reader moves on. */
export interface Payload {
  readonly length: number
  /** Where they lie when they are in the log, else the addresses of the chunks, 32 bytes each. */
  readonly bytes: Uint8Array
  readonly chunked: boolean
}

/** The bytes of a payload, a piece at a time. Throws STASIS_LOG_CHUNK_MISSING, STASIS_LOG_CHUNK_DAMAGED. */
export function* payloadPieces(payload: Payload, chunks: ChunkSource | undefined, call: number): Generator<Uint8Array> {
  if (!payload.chunked) {
    yield payload.bytes
    return
  }
  for (let at = 0, left = payload.length; left > 0; at += addressSize, left -= chunkSize) {
    const address = hex(payload.bytes.subarray(at, at + addressSize))
    const bytes = chunks?.get(address)
    if (bytes === undefined) {
      const message = `Call ${call} needs the chunk ${address}, and the store does not have it. Restore an older version.`
      throw new StasisError('STASIS_LOG_CHUNK_MISSING', message, { call, address })
    }
    if (bytes.length !== Math.min(left, chunkSize) || hex(chunkAddress(bytes)) !== address) {
      const message = `Call ${call} needs the chunk ${address}, whose content is not what was stored. Restore an older version.`
      throw new StasisError('STASIS_LOG_CHUNK_DAMAGED', message, { call, address })
    }
    yield bytes
  }
}

/** At most `limit` bytes from the beginning of a payload, in one piece. */
export function payloadBytes(
  payload: Payload,
  chunks: ChunkSource | undefined,
  call: number,
  limit: number = payload.length,
): Uint8Array {
  if (!payload.chunked) return payload.bytes.subarray(0, limit)
  const whole = new Uint8Array(Math.min(limit, payload.length))
  let at = 0
  for (const piece of payloadPieces(payload, chunks, call)) {
    whole.set(piece.subarray(0, whole.length - at), at)
    at += piece.length
    if (at >= whole.length) break
  }
  return whole
}
