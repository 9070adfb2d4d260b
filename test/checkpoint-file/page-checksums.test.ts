import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { PageChecksums } from '../../runtime/store/checkpoint-file/page-checksums.ts'
import { portableCrc32 } from '../../runtime/store/checkpoint-file/storage.ts'
import { somePages } from './worlds.ts'

test.each([
  ['of every host', portableCrc32],
  ['of Node', crc32],
])('the checksum of pages is told by theirs, with the CRC-32 %s', (_host, crc) => {
  const checksums = new PageChecksums(crc)
  for (const count of [1, 2, 3, 64]) {
    const bytes = somePages(count, count)
    const join = checksums.join((i) => crc(bytes.subarray(i * 4096, (i + 1) * 4096)), count)
    expect(join).toBe(crc32(bytes))
  }
})
