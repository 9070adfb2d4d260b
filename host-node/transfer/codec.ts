import { constants, deflateRawSync } from 'node:zlib'
import { decompressZstd } from '../../runtime/codec/compression.ts'
import type { Codec } from '../../runtime/transfer/codec.ts'
import { nodeCompression, plain } from '../compression.ts'

const { inflate, zstd } = nodeCompression

/** zlib's, which is several times as fast as one in JavaScript. */
export const nodeCodec: Codec = {
  deflate: (bytes) => plain(deflateRawSync(bytes, { level: constants.Z_BEST_SPEED })),
  inflate,
  ...(zstd && { zstd: { compress: zstd, decompress: decompressZstd } }),
}
