import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../../host-node/transfer/connect.ts'
import { type SendOptions, send } from '../../host-node/transfer/send.ts'
import { encodeMessage, type Message, maxFrame } from '../../runtime/transfer/protocol.ts'
import { frozenLetters } from '../transfer/world.ts'
import { type ServedStore, serveStore } from './world.ts'

const open: ServedStore[] = []

async function serve(options: Parameters<typeof serveStore>[0] = {}): Promise<ServedStore> {
  const served = await serveStore(options)
  open.push(served)
  return served
}

afterEach(async () => {
  for (const served of open.splice(0)) await served.close()
})

/** A request as it stands, with nothing put right on the way. */
function request({ server }: ServedStore, head: string): Promise<string> {
  const { hostname, port, host } = new URL(server.url)
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connectSocket(Number(port), hostname, () => {
      socket.write(`${head.replace('HOST', host).replaceAll('\n', '\r\n')}\r\nConnection: close\r\n\r\n`)
    })
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    socket.on('close', () => resolve(answer)).on('error', reject)
  })
}

const status = (answer: string) => Number(answer.split(' ')[1])

/** How a WebSocket is answered: 101, or the refusal. */
function upgrade(
  { server }: ServedStore,
  headers: Record<string, string> = {},
  path = '/api/connect',
  protocols: string[] = [],
) {
  return new Promise<number>((resolve) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, protocols, { headers })
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
    socket.on('unexpected-response', (_, response) => {
      socket.terminate()
      resolve(response.statusCode ?? 0)
    })
    socket.on('error', () => resolve(0))
  })
}

const sendOptions = (token?: string): SendOptions => ({
  ...{ storeId: 'none', token, as: 'calc', force: false, move: undefined, here: 'test', onRetry: () => {} },
})

test('A page from another origin can neither read nor connect', async () => {
  const served = await serve()
  const get = (origin: string) => request(served, `GET /api/sessions HTTP/1.1\nHost: HOST\nOrigin: ${origin}`)
  for (const origin of [
    'https://evil.example',
    'null',
    served.server.url.replace('http:', 'ftp:'),
    `${served.server.url}1`,
  ]) {
    expect(status(await get(origin))).toBe(403)
    expect(await upgrade(served, { Origin: origin })).toBe(403)
  }
  expect(status(await get(served.server.url))).toBe(200)
  expect(await upgrade(served, { Origin: served.server.url })).toBe(101)
  const crossSite = 'GET /api/sessions HTTP/1.1\nHost: HOST\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors'
  expect(status(await request(served, crossSite))).toBe(403)
  expect(served.logged.join('\n')).toContain('"https://evil.example" may not use it')
})

test('An origin that is allowed can connect', async () => {
  const served = await serve({ origins: ['https://friend.example'] })
  expect(await upgrade(served, { Origin: 'https://friend.example' })).toBe(101)
})

test('A name that was made to point here is not answered', async () => {
  const served = await serve({ hosts: ['box'] })
  const get = (host: string) => request(served, `GET /api/sessions HTTP/1.1\nHost: ${host}`).then(status)
  expect(await get('evil.example')).toBe(421)
  expect(await get('127.0.0.1.evil.example:80')).toBe(421)
  expect(await get('a b')).toBe(421)
  expect(await upgrade(served, { Host: 'evil.example' })).toBe(421)
  for (const host of ['localhost:1', '127.0.0.1', '[::1]:80', 'BOX']) expect(await get(host)).toBe(200)
})

test('Without the token, or with a wrong one, nothing is told and nothing is taken', async () => {
  const served = await serve({ token: 'correct horse'.replace(' ', '-') })
  const get = (header: string) => request(served, `GET /api/sessions HTTP/1.1\nHost: HOST${header}`).then(status)
  const { store } = await frozenLetters()
  for (const wrong of [
    '',
    '\nAuthorization: Bearer correct-hors',
    '\nAuthorization: Basic correct-horse',
    '\nAuthorization: Bearer ',
  ]) {
    expect(await get(wrong)).toBe(401)
  }
  expect(await get('\nAuthorization: Bearer correct-horse')).toBe(200)
  expect(await upgrade(served)).toBe(401)
  await expect(send(store, 'calc', served.server.url, sendOptions('wrong'))).rejects.toMatchObject({
    code: 'STASIS_SERVE_REFUSED',
  })
  expect(await served.store.list('')).toEqual([])
  const asProtocol = `stasis.token.${Buffer.from('correct-horse').toString('base64url')}`
  expect(await upgrade(served, {}, '/api/connect', ['stasis.v1', asProtocol])).toBe(101)
  expect(served.logged.join('\n')).toContain('the token is wrong')
  expect(served.logged.join('\n')).not.toContain('correct')
  await send(store, 'calc', served.server.url, sendOptions('correct-horse'))
  expect((await served.store.list('sessions/calc/')).length).toBeGreaterThan(0)
})

test('No path leads out of the page’s folder', async () => {
  const served = await serve()
  const web = join(served.directory, 'web')
  mkdirSync(join(web, 'sub'), { recursive: true })
  writeFileSync(join(web, 'index.html'), '<p>the page')
  writeFileSync(join(web, 'sub', 'app.js'), 'let a')
  writeFileSync(join(web, 'guest.wasm'), 'x')
  writeFileSync(join(web, '.secret'), 'secret')
  writeFileSync(join(served.directory, 'outside.txt'), 'secret')
  symlinkSync(join(served.directory, 'outside.txt'), join(web, 'link.txt'))
  const withPage = await serve({ web })
  const get = (path: string) => request(withPage, `GET ${path} HTTP/1.1\nHost: HOST`)
  const tricks = [
    '/../outside.txt',
    '/sub/../../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/%2e%2e%2foutside.txt',
    '/..%5coutside.txt',
    '/.secret',
    '/sub/..%00/',
    '/link.txt',
    '/%',
    '//etc/passwd',
    '/sub',
    '/C:/x',
    '/%c0%ae%c0%ae/outside.txt',
  ]
  for (const path of tricks) {
    const answer = await get(path)
    expect([path, status(answer)]).toEqual([path, 404])
    expect(answer).not.toContain('secret')
  }
  const page = await get('/?x=1')
  expect(page).toMatch(
    /200 OK[\s\S]*cross-origin-opener-policy: same-origin[\s\S]*cross-origin-embedder-policy: require-corp/i,
  )
  expect(page).toMatch(/content-type: text\/html; charset=utf-8[\s\S]*the page$/i)
  expect(await get('/sub/app.js')).toMatch(/content-type: text\/javascript/i)
  expect(await get('/guest.wasm')).toMatch(/content-type: application\/wasm/i)
  const head = await request(withPage, 'HEAD / HTTP/1.1\nHost: HOST')
  expect(head).toMatch(/content-length: 11\r\n[\s\S]*\r\n\r\n$/i)
  expect(status(await request(withPage, 'POST / HTTP/1.1\nHost: HOST\nContent-Length: 0'))).toBe(405)
})

test('Connections are made in one place only', async () => {
  const served = await serve()
  for (const path of ['/', '/api/sessions', '/api/connect/', '/api/../api/connects'])
    expect(await upgrade(served, {}, path)).toBe(404)
})

/** Sends frames after the greeting; what the server says last, and how it closes. */
async function speak(
  { server }: ServedStore,
  frames: readonly (Uint8Array | string)[],
): Promise<{ code: number; said: string }> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/connect`)
  let said = ''
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.send(encodeMessage({ kind: 'hello', version: 1, agent: 'test' }))
      for (const frame of frames) socket.send(frame)
    })
    socket.on('message', (data: Buffer) => {
      said = data.toString('latin1')
    })
    socket.on('close', (code) => resolve({ code, said }))
    socket.on('error', reject)
  })
}

const line = '00000000-0000-4000-8000-000000000000'
const push: Message = { kind: 'push', session: 'calc', as: 'calc', line, epoch: 0, force: true }

test('A frame that is too large ends the connection, and the server goes on', async () => {
  const served = await serve()
  expect(await speak(served, [new Uint8Array(maxFrame + 1)])).toMatchObject({ code: 1009 })
  expect(await speak(served, ['a text'])).toMatchObject({ code: 1003 })
  expect(await upgrade(served)).toBe(101)
})

test('Nonsense, paths for names, and messages out of place are refused, logged, and change nothing', async () => {
  const served = await serve()
  const { encode } = await import('cborg')
  const data = (name: string) => encode({ kind: 'data', name, at: 0, deflated: false, bytes: new Uint8Array(3) })
  const inventory = (name: string) => encode({ kind: 'inventory', blobs: [{ name, size: 3 }], more: false })
  const conversations: readonly (readonly Uint8Array[])[] = [
    [Uint8Array.of(1, 2, 3)],
    [encode({ ...push, as: '../../x' })],
    [encodeMessage(push), data('@/../../x')],
    [encodeMessage(push), inventory('sessions/other/1.ckpt')],
    [encodeMessage(push), inventory('@/lease.cbor')],
    [encodeMessage(push), data('@/1.ckpt')],
    [encodeMessage(push), encodeMessage({ kind: 'keep', line, epoch: 0, peer: '' })],
    [
      encodeMessage(push),
      encodeMessage({ kind: 'offer', transfer: line, line, epoch: 1, peer: '', start: false, files: 'refuse' }),
    ],
    [encodeMessage({ kind: 'keep', line, epoch: 0, peer: '' })],
    [encodeMessage(push), inventory('@/1.ckpt'), encodeMessage({ kind: 'flush' })],
    [
      encodeMessage(push),
      inventory('@/1.ckpt'),
      encode({ kind: 'data', name: '@/1.ckpt', at: 0, deflated: false, bytes: new Uint8Array(4) }),
    ],
    [
      encodeMessage(push),
      inventory('@/1.ckpt'),
      encode({ kind: 'data', name: '@/1.ckpt', at: 2, deflated: false, bytes: new Uint8Array(1) }),
    ],
  ]
  for (const frames of conversations) {
    const { said } = await speak(served, frames)
    expect(said).toContain('STASIS_PROTOCOL')
  }
  expect(served.logged.filter((text) => text.includes('STASIS_PROTOCOL'))).toHaveLength(conversations.length)
  expect(await served.store.list('')).toEqual([])
})

test('What inflates to more than a piece, and what is larger than allowed, is refused', async () => {
  const served = await serve({ limits: { blob: 1 << 20, session: 1 << 21 } })
  const { deflateRawSync } = await import('node:zlib')
  const bomb = new Uint8Array(deflateRawSync(new Uint8Array(1 << 26)))
  const size = 1 << 20
  const begin = [push, { kind: 'inventory', blobs: [{ name: '@/1.ckpt', size }], more: false }] as const
  const bombed = await speak(
    served,
    [...begin, { kind: 'data', name: '@/1.ckpt', at: 0, deflated: true, bytes: bomb } as const].map((message) =>
      encodeMessage(message),
    ),
  )
  expect(bombed.said).toContain('STASIS_TRANSFER_DAMAGED')
  const large = { kind: 'inventory', blobs: [{ name: '@/1.ckpt', size: size + 1 }], more: false } as const
  expect(
    (
      await speak(
        served,
        [push, large].map((message) => encodeMessage(message)),
      )
    ).said,
  ).toContain('STASIS_TRANSFER_TOO_LARGE')
  const many = [1, 2, 3].map((version) => ({ name: `@/${version}.ckpt`, size }))
  const sum = { kind: 'inventory', blobs: many, more: false } as const
  expect(
    (
      await speak(
        served,
        [push, sum].map((message) => encodeMessage(message)),
      )
    ).said,
  ).toContain('STASIS_TRANSFER_TOO_LARGE')
  expect(await served.store.list('')).toEqual([])
})

test('An image that was made to lie is refused with a reason, logged, and changes nothing', async () => {
  const served = await serve()
  const { store } = await frozenLetters()
  // The index says again what the heads say, and either is believed where the other one is damaged.
  await store.delete('sessions/calc/checkpoints.cki')
  await send(store, 'calc', served.server.url, sendOptions())
  const before = (await served.store.list('')).map(({ name, size }) => [name, size])
  const blobs = (await store.list('sessions/calc/')).filter(({ name }) => name.endsWith('.ckp'))
  expect(blobs.length).toBeGreaterThan(0)
  for (const { name } of blobs) {
    const honest = (await store.get(name))!
    // What fills the last record up to a multiple of 8 means nothing.
    for (let at = 0; at < honest.length - 8; at += Math.max(1, Math.floor(honest.length / 12))) {
      const lie = honest.slice()
      lie[at]! ^= 0x55
      await store.put(name, [lie])
      await expect(
        send(store, 'calc', served.server.url, sendOptions()),
        `byte ${at} of ${honest.length}`,
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^STASIS_(IMAGE|TRANSFER|CKP|MODULE|VERSION)_/),
      })
      expect((await served.store.list('')).map(({ name, size }) => [name, size])).toEqual(before)
    }
    await store.put(name, [honest])
  }
  expect(served.logged.some((text) => /STASIS_IMAGE_|STASIS_CKP_/.test(text))).toBe(true)
})

test('A client that claims what it cannot have finished is refused', async () => {
  const served = await serve()
  const { store } = await frozenLetters()
  await send(store, 'calc', served.server.url, sendOptions())
  // A copy does not become runnable by being told so.
  const channel = await connect(served.server.url, undefined)
  await channel.send({ kind: 'activate', session: 'calc', transfer: line, start: true, files: 'refuse' })
  await expect(channel.expect('active')).rejects.toMatchObject({ code: 'STASIS_TRANSFER_UNKNOWN' })
  const again = await connect(served.server.url, undefined)
  await again.send({ kind: 'start', session: 'calc', files: 'refuse' })
  await expect(again.expect('started')).rejects.toMatchObject({ code: 'STASIS_LEASE_COPY' })
  channel.close()
  again.close()
})
