import { expect, test } from 'vitest'
import { nodeCompression } from '../../host-node/compression.ts'
import { checkCodec, decompressZstd } from '../../runtime/codec/compression.ts'
import { decodeZstd } from '../../runtime/codec/zstd/decode.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { fuzz, fuzzTimeout } from '../fuzz/fuzz.ts'
import { onNewest, withoutNewest } from '../support/on-newest.ts'
import { contents } from './contents.ts'
import { frames } from './frames.ts'

const contentOf = (name: string): Uint8Array => contents().find((content) => content.name === name)!.bytes
const frameOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(frames[name]!, 'base64'))
const text = frameOf('a text')
const size = contentOf('a text').length

test.each(Object.keys(frames))('%s is decoded', (name) => {
  const content = contentOf(name)
  expect(Buffer.compare(decodeZstd(frameOf(name), content.length), content)).toBe(0)
  expect(Buffer.compare(decompressZstd(frameOf(name), content.length), content)).toBe(0)
})

/** A frame with this head, and one compressed block that is this. */
function frame(head: readonly number[], block: readonly number[]): Uint8Array {
  const header = (block.length << 3) | (2 << 1) | 1
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...head, header & 255, header >> 8, header >> 16, ...block)
}
const with256k = [0xa0, 0, 0, 4, 0]

const lies: Readonly<Record<string, readonly [Uint8Array, number, string]>> = {
  'tells of another size': [text, size + 1, 'it tells of 2000 bytes where 2001'],
  'tells of almost all memory': [
    frame([0xe0, ...Array<number>(7).fill(0xff), 0x1f], [0]),
    4096,
    'it tells of 23058430',
  ],
  'does not tell its size': [frame([0, 0x50], [0]), 4096, 'it does not tell its size'],
  'wants a window of terabytes': [frame([0x80, 0xff, 0, 16, 0, 0], [0]), 4096, 'its window is too large'],
  'has a checksum': [frame([0xa4, 0, 0, 4, 0], [0, 0]), 262_144, 'it has a checksum'],
  'has a dictionary': [frame([0xa1, 5, 0, 0, 4, 0], [0, 0]), 262_144, 'it has a checksum, a dictionary'],
  'is followed by a byte': [Uint8Array.of(...text, 0), size, 'something follows it'],
  'is followed by another frame': [Uint8Array.of(...text, ...text), size, 'something follows it'],
  'is followed by one to be passed over': [
    Uint8Array.of(...text, 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0),
    size,
    'something follows it',
  ],
  // 98,047 sequences of 65,536 literals and 65,539 copied bytes each: fzstd 0.1.1 takes minutes.
  'is a bomb of 21 bytes': [frame(with256k, [0, 255, 255, 255, 0x54, 35, 0, 52, 1]), 262_144, 'sequences are cut off'],
  'has more literals than content': [frame([0xa0, 1, 0, 0, 0], [0x05, 0xff, 7, 0]), 1, 'too many literals'],
  'has literals without end': [frame(with256k, [0xfd, 0xff, 0xff, 7, 0]), 262_144, 'too many literals'],
  'copies what was not written': [
    frame([0xa0, 8, 0, 0, 0], [8, 65, 1, 0x54, 1, 5, 0, 0x20]),
    8,
    'an offset goes back too far',
  ],
  'uses a tree that there was not': [frame([0xa0, 8, 0, 0, 0], [0x83, 0x40, 0, 1, 0]), 8, 'a tree that there was not'],
  'uses tables that there were not': [frame([0xa0, 8, 0, 0, 0], [8, 65, 1, 0xfc, 1]), 8, 'a table that there was not'],
}

test.each(Object.entries(lies))('a frame that %s is refused at once', (_, [bytes, expected, why]) => {
  const began = performance.now()
  expect(() => decodeZstd(bytes, expected)).toThrow(why)
  expect(() => decompressZstd(bytes, expected)).toThrow()
  expect(performance.now() - began).toBeLessThan(1000)
})

test('a frame that is cut at any byte is refused', () => {
  for (let length = 0; length < text.length; length++) {
    expect(() => decodeZstd(text.subarray(0, length), size)).toThrow('it is no Zstandard frame as it should be')
  }
})

test('whatever is in a frame, it is decoded or refused for a reason', { timeout: fuzzTimeout }, async () => {
  for (const name of ['a few words', 'a text', 'zeros', 'a page of numbers']) {
    const { length } = contentOf(name)
    const decode = (bytes: Uint8Array) => {
      try {
        return decodeZstd(bytes, length)
      } catch (error) {
        if (!String(error).includes('it is no Zstandard frame')) throw error
        throw new StasisError('STASIS_TEST', String(error))
      }
    }
    await fuzz({ samples: [frameOf(name)], decode })
  }
})

const reason = withoutNewest()
const skipped = reason === undefined ? '' : ` (skipped: ${reason})`

test.skipIf(reason)(`frames of Node’s own Zstandard are decoded as Node does${skipped}`, { timeout: 120_000 }, () => {
  expect(onNewest(new URL('zstd-newest.ts', import.meta.url))).toEqual([])
})

test('a codec that this host cannot write is refused with a remedy', () => {
  const check = expect(() => checkCodec('zstd'))
  if (nodeCompression.zstd === undefined) {
    check.toThrow('This host reads pages that are compressed by zstd and cannot write them. Use Node 22.15 or later')
  } else check.not.toThrow()
  expect(() => checkCodec('lzma')).toThrow('There are stored, deflate, zstd.')
})
