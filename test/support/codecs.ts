import { nodeCompression } from '../../host-node/compression.ts'
import { type PageCodec, pageCodecs } from '../../runtime/codec/compression.ts'

/** What this Node can write; all of them on the newest (test/codec/newest.test.ts). */
export const writable: readonly PageCodec[] = pageCodecs.filter(
  (codec) => codec !== 'zstd' || nodeCompression.zstd !== undefined,
)
