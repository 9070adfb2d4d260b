import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { readBytes } from '../world.ts'

/** Bytes of an image as it is, and deflated as for an export. */
export function measureImageSize({ image }: { readonly image: string }): {
  readonly plain: number
  readonly deflated: number
} {
  const bytes = readBytes(image)
  return { plain: bytes.length, deflated: encodeCheckpoint(decodeCheckpoint(bytes), { compression: 'deflate' }).length }
}
