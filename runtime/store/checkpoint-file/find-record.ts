import type { Catalog } from './catalog.ts'
import { type Crc32, recordMagic } from './layout.ts'
import { readHead } from './read-head.ts'
import type { Reading } from './reading.ts'
import { align8 } from './record.ts'

/** Bytes looked through at a time for what may follow damage. */
const pieceSize = 1 << 18

/**
 * A later record behind the last whole one: then what lies between is damaged, and no torn tail, since a record is only
 * begun when the one before is written. `least`: which versions are later; that after the newest may be torn itself.
 */
export function* findRecordBehind(
  catalog: Catalog,
  size: number,
  crc32: Crc32,
  least = catalog.newest + 2,
): Reading<{ readonly offset: number; readonly bytes: Uint8Array } | undefined> {
  const length = Math.min(pieceSize, align8(Math.max(0, size - catalog.end)))
  for (let from = catalog.end + 8; from < size; from += pieceSize) {
    const piece: Uint8Array = yield { file: 'data', offset: from, length }
    const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.length >> 2)
    for (let at = 0; at < words.length; at += 2) {
      if (words[at] !== recordMagic) continue
      const offset = from + at * 4
      const bytes = yield* readHead(offset, size, crc32)
      if (bytes === undefined) continue
      const version = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(16, true)
      if (version >= BigInt(least)) return { offset, bytes }
    }
  }
  return undefined
}
