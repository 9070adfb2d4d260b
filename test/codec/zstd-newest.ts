// Run on a Node that has Zstandard: our decoder against it, on its own frames and on damaged ones. Prints what is wrong.
import * as zlib from 'node:zlib'
import { decodeZstd } from '../../runtime/codec/zstd/decode.ts'
import { blocksOf } from '../../runtime/codec/zstd/frame.ts'
import { contents } from './contents.ts'

const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as {
  zstdCompressSync: (bytes: Uint8Array, options: object) => Uint8Array
  zstdDecompressSync: (bytes: Uint8Array, options: object) => Uint8Array
  constants: Record<string, number>
}
const problems: string[] = []
const samples: { content: Uint8Array; frame: Uint8Array }[] = []

for (const { name, bytes: content } of contents()) {
  for (const level of [-7, -1, 1, 3, 9, 19]) {
    const options = { params: { [constants['ZSTD_c_compressionLevel']!]: level } }
    const frame = new Uint8Array(zstdCompressSync(content, options))
    if (content.length < 6000) samples.push({ content, frame })
    try {
      if (Buffer.compare(decodeZstd(frame, content.length), content) !== 0) problems.push(`${name}, ${level}: differs`)
    } catch (error) {
      problems.push(`${name}, ${level}: ${error}`)
    }
  }
}

let state = 1
const next = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * below)
}

function result(decode: () => Uint8Array): Uint8Array | Error {
  try {
    return decode()
  } catch (error) {
    return error as Error
  }
}

let accepted = 0
for (let round = 0; round < 20_000; round++) {
  const { content, frame } = samples[round % samples.length]!
  const size = content.length
  const damaged = frame.slice()
  for (let count = 1 + next(2); count > 0; count--) damaged[next(damaged.length)]! ^= 1 << next(8)
  const ours = result(() => decodeZstd(damaged, size))
  const theirs = result(() => {
    blocksOf(damaged, size)
    return zstdDecompressSync(damaged, { maxOutputLength: size, chunkSize: Math.max(64, size) })
  })
  if (ours instanceof Error || theirs instanceof Error) continue
  accepted++
  if (Buffer.compare(ours, theirs) !== 0)
    problems.push(`a damaged frame differs: ${Buffer.from(damaged).toString('hex')}`)
}
if (accepted < 1000) problems.push(`only ${accepted} damaged frames were read by both`)

process.stdout.write(JSON.stringify(problems))
