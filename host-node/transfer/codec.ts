import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Codec } from '../../runtime/transfer/codec.ts'

/** zlib's, which is several times as fast as one in JavaScript. */
export const nodeCodec: Codec = {
  deflate: (bytes) => plain(deflateRawSync(bytes, { level: constants.Z_BEST_SPEED })),
  inflate: (bytes, limit) => plain(inflateRawSync(bytes, { maxOutputLength: limit })),
}

const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
