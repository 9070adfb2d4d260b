// Run on the machine's Node and, by newest.test.ts, on the newest.
import { expect, test } from 'vitest'
import { nodeCompression } from '../../host-node/compression.ts'
import { checkCodec, decompressZstd } from '../../runtime/codec/compression.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { fuzz, fuzzTimeout } from '../fuzz/fuzz.ts'

const { zstd } = nodeCompression
const skipped = zstd === undefined ? ' (skipped: this Node has no zstd; newest.test.ts runs it on one that has)' : ''
const text = new TextEncoder().encode(Array.from({ length: 900 }, (_, i) => `${i % 70} calls, ${i} pages;`).join(''))

test.skipIf(skipped)(`zstd: what was written is read, and nothing else${skipped}`, () => {
  for (const content of [new Uint8Array(0), Uint8Array.of(7), text, new Uint8Array(1 << 18)]) {
    const frame = zstd!(content)
    expect(frame.length).toBeLessThan(content.length / 2 + 20)
    expect(Buffer.compare(decompressZstd(frame, content.length), content)).toBe(0)
    expect(() => decompressZstd(frame, content.length + 1)).toThrow()
    if (content.length > 0) expect(() => decompressZstd(frame, content.length - 1)).toThrow()
    expect(() => decompressZstd(Uint8Array.of(...frame, ...zstd!(text)), content.length)).toThrow()
  }
  for (let length = 0; length < 400; length += 3) {
    expect(() => decompressZstd(zstd!(text).subarray(0, length), text.length)).toThrow()
  }
})

/** A frame with this head, and one compressed block that is this. */
function frame(head: readonly number[], block: readonly number[]): Uint8Array {
  const header = (block.length << 3) | (2 << 1) | 1
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...head, header & 255, header >> 8, header >> 16, ...block)
}

test.skipIf(skipped).each([
  ['tells of almost all memory', frame([0xe0, ...Array<number>(7).fill(0xff), 0x1f], [0])],
  ['wants a window of terabytes', frame([0x80, 0xff, 0, 16, 0, 0], [0])],
  // 98,047 sequences of 65,536 literals and 65,539 copied bytes each.
  ['is a bomb of 21 bytes', frame([0xa0, 0, 0, 4, 0], [0, 255, 255, 255, 0x54, 35, 0, 52, 1])],
])(`zstd: a frame that %s is refused at once${skipped}`, (_, bytes) => {
  const { rss } = process.memoryUsage()
  const began = process.cpuUsage()
  expect(() => decompressZstd(bytes, 1 << 18)).toThrow()
  expect(process.cpuUsage(began).user).toBeLessThan(500_000)
  expect(process.memoryUsage().rss - rss).toBeLessThan(64e6)
})

test.skipIf(skipped)(
  `zstd: whatever is in a frame, it is decoded or refused${skipped}`,
  { timeout: fuzzTimeout },
  async () => {
    const decode = (bytes: Uint8Array) => {
      try {
        return decompressZstd(bytes, text.length)
      } catch (error) {
        throw new StasisError('STASIS_TEST', String(error))
      }
    }
    await fuzz({ samples: [zstd!(text)], decode })
  },
)

test('a codec that this host does not have is refused with a remedy', () => {
  expect(() => checkCodec('lzma')).toThrow('There are stored, deflate, zstd.')
  if (zstd !== undefined) expect(() => checkCodec('zstd')).not.toThrow()
  else {
    expect(() => checkCodec('zstd')).toThrow('Use Node 22.15 or later')
    expect(() => decompressZstd(new Uint8Array(10), 10)).toThrow(expect.objectContaining({ code: 'STASIS_CODEC' }))
  }
})
