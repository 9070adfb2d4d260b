import { encode } from 'cborg'
import { expect, test } from 'vitest'
import { decodeMessage, encodeMessage, type Message, maxFrame } from '../../runtime/transfer/protocol.ts'

const uuid = '00000000-0000-4000-8000-000000000000'
const digest = new Uint8Array(32)
const messages: readonly Message[] = [
  { kind: 'hello', version: 1, agent: 'stasis' },
  { kind: 'push', session: 'calc', as: 'calc-2', line: uuid, epoch: 3, force: false },
  { kind: 'pull', session: 'calc', take: true, peer: 'here', transfer: '', start: false },
  { kind: 'inventory', blobs: [{ name: '@/start.cbor', size: 5 }], more: false },
  { kind: 'have', blobs: [{ name: `modules/${'0'.repeat(64)}.wasm`, size: 5, digest }], more: true },
  { kind: 'data', name: '@/chunks/abc', at: 0, deflated: false, bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'zstd', name: '@/chunks/abc', at: 5, size: 9, bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'end', name: '@/1.ckpt', size: 7, digest },
  { kind: 'flush' },
  { kind: 'offer', transfer: uuid, line: uuid, epoch: 4, peer: '', start: false, files: 'refuse' },
  { kind: 'activate', session: 'calc', transfer: uuid, start: true, files: 'keep' },
  { kind: 'active', transfer: uuid, running: false, reason: '' },
  { kind: 'resize', columns: 80, rows: 24 },
  { kind: 'over', code: 256, reason: 'it moved' },
  { kind: 'error', code: 'STASIS_PROTOCOL', message: 'no' },
]

test('A message is the same after it was sent', () => {
  for (const message of messages) expect(decodeMessage(encodeMessage(message))).toEqual(message)
})

const refused: readonly [string, Uint8Array][] = [
  ['bytes behind it', Uint8Array.of(...encodeMessage({ kind: 'flush' }), 0)],
  ['an unknown kind', encode({ kind: 'dance' })],
  ['a kind that every object has', encode({ kind: 'constructor' })],
  ['an unknown field', encode({ kind: 'flush', more: true })],
  ['a missing field', encode({ kind: 'push', session: 'calc' })],
  ['no map', encode([1, 2, 3])],
  ['nothing', new Uint8Array(0)],
  ['a number that is not whole', encode({ kind: 'hello', version: 1.5, agent: '' })],
  ['a number that is not the shortest', Uint8Array.from(Buffer.from('a2646b696e646572657369', 'hex'))],
  ['a list of no definite length', Uint8Array.from(Buffer.from('9fff', 'hex'))],
  ['a field twice', Uint8Array.from(Buffer.from('a2646b696e6465666c757368646b696e6465666c757368', 'hex'))],
  [
    'commands to a terminal',
    encode({ kind: 'pull', session: 'calc', take: true, peer: '\x1b[2J', transfer: '', start: false }),
  ],
  ['more than a frame holds', encode({ kind: 'input', bytes: new Uint8Array(maxFrame) })],
]

test.each(refused)('A frame with %s is refused', (_, frame) => {
  expect(() => decodeMessage(frame)).toThrow(expect.objectContaining({ code: 'STASIS_PROTOCOL' }))
})

const tricks = [
  '../x',
  '/etc/passwd',
  '@/../x',
  '@/..',
  '@',
  '@/',
  '@/.hidden',
  '@/a/../b',
  '@/a//b',
  '@/a\\b',
  '@/a\0',
  '@/a/b/c',
  'modules/x.wasm',
  'sessions/calc/1.ckpt',
  `modules/${'0'.repeat(64)}.wasm/x`,
  '@/a\n',
]

test.each(tricks)('The name %j is refused for a blob', (name) => {
  const frame = encode({ kind: 'data', name, at: 0, deflated: false, bytes: new Uint8Array(0) })
  expect(() => decodeMessage(frame)).toThrow(expect.objectContaining({ code: 'STASIS_PROTOCOL' }))
})

test.each(['..', '.', '', 'a/b', '.x', 'a\0', 'x'.repeat(65), 'calc\n'])(
  'The name %j is refused for a session',
  (session) => {
    expect(() => decodeMessage(encode({ kind: 'start', session }))).toThrow(
      expect.objectContaining({ code: 'STASIS_PROTOCOL' }),
    )
  },
)

test('Frames with changed bytes are messages or are refused, and nothing else happens', () => {
  let state = 7
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state % limit
  }
  for (let trial = 0; trial < 20_000; trial++) {
    const frame = encodeMessage(messages[random(messages.length)]!).slice()
    for (let change = random(3); change >= 0; change--) frame[random(frame.length)] = random(256)
    try {
      decodeMessage(frame.subarray(0, frame.length - (random(4) === 0 ? random(frame.length) : 0)))
    } catch (error) {
      expect(error).toMatchObject({ code: 'STASIS_PROTOCOL' })
    }
  }
})
