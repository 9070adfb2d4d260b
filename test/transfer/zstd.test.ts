// Pieces travel by Zstandard where both sides have it, and deflated otherwise.
import { expect, test } from 'vitest'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { Channel } from '../../runtime/transfer/channel.ts'
import { type Codec, pieceOf, portableCodec } from '../../runtime/transfer/codec.ts'
import { decodeMessage, encodeMessage, maxPiece } from '../../runtime/transfer/protocol.ts'
import { BlobReceiver } from '../../runtime/transfer/receive-blobs.ts'
import { BlobSender } from '../../runtime/transfer/send-blobs.ts'
import { readZstd, writeZstd } from '../support/zstd-writer.ts'
import { duplexPair } from './pair.ts'
import { frozenLetters } from './world.ts'

const withZstd: Codec = { ...portableCodec, zstd: { compress: writeZstd, decompress: readZstd } }

/** Sends a session, and tells which messages had pieces of it. */
async function send(ours: Codec, theirs: Codec): Promise<readonly string[]> {
  const { store } = await frozenLetters()
  // Pages of one byte, which the writer of these tests compresses.
  await store.put('sessions/calc/chunks/abc', [new Uint8Array(600_000)])
  const [near, far] = duplexPair().map((duplex) => new Channel(duplex)) as [Channel, Channel]
  await Promise.all([near.greet('stasis', ours), far.greet('stasis serve', theirs)])
  const to = new MemoryStore()
  const receiver = new BlobReceiver(to, 'calc', far, { codec: theirs })
  const kinds = new Set<string>()
  const receive = async (): Promise<void> => {
    for (;;) {
      const message = await far.expect('inventory', 'data', 'zstd', 'end', 'flush')
      if (message.kind === 'inventory') await receiver.inventory(message)
      else if (message.kind === 'end') await receiver.end(message)
      else if (message.kind === 'flush') return receiver.flush()
      else {
        kinds.add(message.kind === 'data' && message.deflated ? 'deflate' : message.kind)
        await receiver.data(message)
      }
    }
  }
  await Promise.all([new BlobSender(store, 'calc', near, { codec: ours }).round(), receive()])
  await receiver.putInPlace()
  for (const { name } of await store.list('sessions/calc/')) {
    if (!name.endsWith('lease.cbor')) expect(Buffer.compare((await to.get(name))!, (await store.get(name))!)).toBe(0)
  }
  return [...kinds].sort()
}

test('Both sides have it', async () => expect(await send(withZstd, withZstd)).toEqual(['data', 'zstd']))
test('Only the sender has it', async () => expect(await send(withZstd, portableCodec)).not.toContain('zstd'))
test('Only the receiver has it', async () => {
  const kinds = await send(portableCodec, withZstd)
  expect(kinds).toContain('deflate')
  expect(kinds).not.toContain('zstd')
})

test.each([
  ['stasis', false],
  ['stasis (zstd)', true],
  ['stasis page (brotli zstd later)', true],
  ['stasis zstd', false],
  ['stasis (zstd) of somebody', false],
  ['stasis (zstdx)', false],
  ['', false],
])('A side that calls itself %j is known by it', async (agent, expected) => {
  const [near, far] = duplexPair()
  const channel = new Channel(near!)
  await far!.send(encodeMessage({ kind: 'hello', version: 1, agent }))
  expect(await channel.greet('stasis', withZstd)).toBe(agent)
  expect(channel.readsZstd).toBe(expected)
  // What an older side takes for a name.
  expect(decodeMessage((await far!.receive())!)).toEqual({ kind: 'hello', version: 1, agent: 'stasis (zstd)' })
})

const piece = { kind: 'zstd', name: '@/1.ckpt', at: 0, size: 5000, bytes: writeZstd(new Uint8Array(5000)) } as const
const damaged = expect.objectContaining({ code: 'STASIS_TRANSFER_DAMAGED' })
const refused = expect.objectContaining({ code: 'STASIS_PROTOCOL' })

test('A piece that lies is refused before it takes any memory', () => {
  expect(pieceOf(withZstd, piece)).toEqual(new Uint8Array(5000))
  const lying = {
    ...withZstd,
    zstd: {
      ...withZstd.zstd!,
      decompress: () => {
        throw new Error('it ends too early')
      },
    },
  }
  expect(() => pieceOf(lying, piece)).toThrow(damaged)
  const large = { ...piece, size: maxPiece + 1, bytes: writeZstd(new Uint8Array(maxPiece + 1)) }
  expect(() => decodeMessage(encodeMessage(large))).toThrow(refused)
})

test('A side that did not say that it reads it refuses it', () => {
  expect(() => pieceOf(portableCodec, piece)).toThrow(refused)
})
