import { expect, test } from 'vitest'
import { LineEditor } from '../../host-node/attach/line-editor.ts'
import { progressLine } from '../../host-node/cli/transfer-progress.ts'
import { nodeCodec } from '../../host-node/transfer/codec.ts'
import { parseTarget } from '../../host-node/transfer/target.ts'
import { Screen } from '../../runtime/session/screen.ts'
import { pack, pieceMessage, pieceOf, portableCodec, unpack } from '../../runtime/transfer/codec.ts'
import { maxPiece } from '../../runtime/transfer/protocol.ts'

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (given: string) => new TextEncoder().encode(given)

test('A typed line is echoed, edited, and sent when it is complete', () => {
  const editor = new LineEditor()
  expect(editor.type('helo')).toMatchObject({ send: '', echo: 'helo' })
  expect(editor.type('\x7flo')).toMatchObject({ send: '', echo: '\b \blo' })
  expect(editor.type('\r')).toEqual({ send: 'hello\n', echo: '\n', eof: false, detach: false })
  expect(editor.type('\x7f')).toMatchObject({ echo: '' })
  expect(editor.type('gone\x15here\n')).toMatchObject({ send: 'here\n' })
  expect(editor.type('no\x03yes\r')).toMatchObject({ send: 'yes\n' })
  expect(editor.type('\x1b[A\x1b[3~\x1bOPé😀\x7f\r')).toMatchObject({ send: 'é\n' })
})

test('Ctrl-D ends the input on an empty line, and Ctrl-] leaves', () => {
  const editor = new LineEditor()
  expect(editor.type('part\x04')).toMatchObject({ send: 'part', eof: false })
  expect(editor.type('\x04')).toMatchObject({ send: '', eof: true })
  expect(editor.type('a\rb\x1dc')).toMatchObject({ send: 'a\n', detach: true })
})

test('A screen keeps its last bytes, from the beginning of a line or of a character on', () => {
  const screen = new Screen(undefined, 10)
  for (const part of ['first line\n', 'second\n', 'third']) screen.append(bytes(part))
  expect(text(screen.bytes())).toBe('third')
  const wide = new Screen(undefined, 10)
  for (let i = 0; i < 20; i++) wide.append(bytes('é'))
  wide.append(bytes('x'))
  expect(text(wide.bytes())).toBe('ééééx')
})

test('Addresses of servers and sessions are read, and nonsense is refused', () => {
  expect(parseTarget('http://box:8642')).toEqual({ server: 'http://box:8642', session: undefined })
  expect(parseTarget('box:8642/calc')).toEqual({ server: 'http://box:8642', session: 'calc' })
  expect(parseTarget('wss://box/calc/')).toEqual({ server: 'https://box', session: 'calc' })
  for (const wrong of [
    'ftp://box',
    'http://',
    'http://me:secret@box',
    'http://box/a/b',
    'http://box?x',
    'http://box/#x',
  ]) {
    expect(() => parseTarget(wrong)).toThrow(expect.objectContaining({ code: 'STASIS_TARGET' }))
  }
  expect(() => parseTarget('http://box/.hidden')).toThrow(expect.objectContaining({ code: 'STASIS_SESSION_NAME' }))
})

test.each([
  ['zlib', nodeCodec],
  ['fflate', portableCodec],
])('%s deflates what that makes smaller, and inflates no more than a piece', (_, codec) => {
  const zeros = new Uint8Array(maxPiece)
  const packed = pack(codec, zeros)
  expect(packed.deflated).toBe(true)
  expect(Buffer.compare(unpack(codec, packed), zeros)).toBe(0)
  const random = Uint8Array.from({ length: 20_000 }, (_, i) => (Math.imul(i, 2654435761) ^ (i * i * 40503)) >>> 13)
  const noise = new Uint8Array(crypto.getRandomValues(random).buffer)
  expect(pack(codec, noise).deflated).toBe(false)
  const bomb = codec.deflate(new Uint8Array(maxPiece + 1))
  expect(() => unpack(codec, { deflated: true, bytes: bomb })).toThrow(
    expect.objectContaining({ code: 'STASIS_TRANSFER_DAMAGED' }),
  )
  expect(() => unpack(codec, { deflated: true, bytes: Uint8Array.of(7, 7, 7) })).toThrow(
    expect.objectContaining({ code: 'STASIS_TRANSFER_DAMAGED' }),
  )
})

test('A piece goes by zstd where this Node has it and the other side reads it, else deflated', () => {
  const part = { name: '@/start.cbor', at: 0, bytes: new Uint8Array(maxPiece) }
  expect(pieceMessage(nodeCodec, part, false)).toMatchObject({ kind: 'data', deflated: true })
  const message = pieceMessage(nodeCodec, part, true)
  expect(message.kind).toBe(nodeCodec.zstd === undefined ? 'data' : 'zstd')
  expect(message.bytes.length).toBeLessThan(2000)
  expect(Buffer.compare(pieceOf(nodeCodec, message), part.bytes)).toBe(0)
  if (message.kind === 'zstd') {
    const damaged = expect.objectContaining({ code: 'STASIS_TRANSFER_DAMAGED' })
    expect(() => pieceOf(nodeCodec, { ...message, size: maxPiece - 1 })).toThrow(damaged)
    expect(() => pieceOf(nodeCodec, { ...message, bytes: message.bytes.subarray(0, 12) })).toThrow(damaged)
  }
  expect(pieceMessage(nodeCodec, { ...part, bytes: new Uint8Array(100) }, true)).toMatchObject({ deflated: false })
})

test('A progress bar is drawn for a person, wiped at the end, and not drawn for a file', () => {
  const drawn: string[] = []
  const terminal = { out: () => {}, err: () => {}, columns: 80, style: (_: unknown, given: string) => given }
  const line = progressLine('calc', { ...terminal, interactive: true }, (given) => void drawn.push(given))
  line.show({ done: 5_000_000, total: 10_000_000 })
  line.clear()
  expect(drawn[0]).toContain('████████████░░░░░░░░░░░░ 5 MB of 10 MB')
  expect(drawn.at(-1)).toBe('\r\x1b[K')
  const silent: string[] = []
  progressLine('calc', { ...terminal, interactive: false }, (given) => void silent.push(given)).show({
    done: 1,
    total: 1,
  })
  expect(silent).toEqual([])
})
