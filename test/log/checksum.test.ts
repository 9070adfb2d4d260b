import crc32 from 'crc-32'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import '../../host-node/log-storage.ts'
import { checksum } from '../../runtime/log/checksum.ts'

test('the checksum of Node is that of the portable implementation, also of a chain of pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.nat(5000), fc.integer(), (bytes, cut, from) => {
      expect(checksum(bytes, from)).toBe(crc32.buf(bytes, from))
      const whole = checksum(bytes.subarray(cut), checksum(bytes.subarray(0, cut), from))
      expect(whole).toBe(crc32.buf(bytes, from))
    }),
  )
})
