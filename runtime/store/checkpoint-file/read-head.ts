import { type Crc32, headFixedSize } from './layout.ts'
import type { Reading } from './reading.ts'
import { isWhole, measureHead } from './record.ts'

/** Few heads are longer: two readings for those. */
const usualHeadSize = 4096

/** The bytes of the head at `offset`, whose checksum is right and whose payload is there. `size` is the file's. */
export function* readHead(offset: number, size: number, crc32: Crc32): Reading<Uint8Array | undefined> {
  if (size - offset < headFixedSize) return undefined
  const first: Uint8Array = yield { file: 'data', offset, length: Math.min(usualHeadSize, size - offset) }
  if (first.length < headFixedSize) return undefined
  const lengths = measureHead(first.subarray(0, headFixedSize))
  if (lengths === undefined || lengths.headLength + lengths.payloadLength > size - offset) return undefined
  const { headLength } = lengths
  const bytes: Uint8Array =
    headLength <= first.length ? first.subarray(0, headLength) : yield { file: 'data', offset, length: headLength }
  return bytes.length === headLength && isWhole(bytes, crc32) ? bytes : undefined
}
