import { checksum } from '../../runtime/image/checksum.ts'
import { headChecksum } from '../../runtime/image/encode.ts'
import { entrySize, headChecksumAt } from '../../runtime/image/layout.ts'

/** Makes all checksums of an image right again, so that what lies behind them is tested. */
export function resealImage(image: Uint8Array): void {
  if (image.length < 32) return
  const view = new DataView(image.buffer, image.byteOffset, image.length)
  const tableAt = 32 + Math.ceil(view.getUint32(12, true) / 8) * 8
  const count = view.getUint32(16, true)
  const length = tableAt + count * entrySize
  if (length > image.length) return
  let offset = length
  for (let at = tableAt; at < length; at += entrySize) {
    const size = Number(view.getBigUint64(at + 16, true))
    if (offset + size <= image.length) image.set(checksum(image.subarray(offset, offset + size)), at + 32)
    offset += Math.ceil(size / 8) * 8
  }
  image.set(headChecksum(image.subarray(0, length)), headChecksumAt)
}
