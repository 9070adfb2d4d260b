import { encode } from 'cborg'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { withoutModulePages } from '../../runtime/transfer/export/module-pages.ts'
import { readBytes } from '../world.ts'

/** Bytes of an image as it is, deflated, and as in an exported session, which has the module too. */
export function measureImageSize({ image, module }: { readonly image: string; readonly module: string }): {
  readonly plain: number
  readonly deflated: number
  readonly exported: number
} {
  const bytes = readBytes(image)
  const whole = decodeCheckpoint(bytes)
  const { checkpoint, runs } = withoutModulePages(whole, readBytes(module))
  const size = (one: typeof whole) => encodeCheckpoint(one, { compression: 'deflate' }).length
  return { plain: bytes.length, deflated: size(whole), exported: size(checkpoint) + encode(runs).length }
}
