import { pageSize } from '../../image/pages.ts'
import type { Crc32 } from './layout.ts'

/**
 * From the checksums of pages that of all of them together, which takes the host one call instead of one a page. CRC-32
 * of A and then B is that of B, changed by a linear function of that of A, which depends on B's length alone.
 */
export class PageChecksums {
  /** What each value of each byte of A's checksum changes, where B is a page. */
  readonly #tables: readonly Uint32Array[]

  constructor(crc32: Crc32) {
    const zeros = new Uint8Array(pageSize)
    const none = crc32(zeros)
    this.#tables = [0, 8, 16, 24].map((shift) => {
      const table = new Uint32Array(256)
      for (let bit = 0; bit < 8; bit++) {
        const change = crc32(zeros, (1 << (bit + shift)) >>> 0) ^ none
        for (let low = 0; low < 1 << bit; low++) table[(1 << bit) + low] = table[low]! ^ change
      }
      return table
    })
  }

  /** The checksum of pages 0 to `count` - 1, one after the other. */
  join(checksumOf: (page: number) => number, count: number): number {
    const [t0, t1, t2, t3] = this.#tables as unknown as readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
    let all = checksumOf(0)
    for (let page = 1; page < count; page++) {
      all = t0[all & 255]! ^ t1[(all >>> 8) & 255]! ^ t2[(all >>> 16) & 255]! ^ t3[all >>> 24]! ^ checksumOf(page)
    }
    return all >>> 0
  }
}
