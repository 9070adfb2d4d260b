/** What a person is told who names the wrong server, the wrong session, or no token. */
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { connect } from '../../host-node/transfer/connect.ts'
import { type SendOptions, send } from '../../host-node/transfer/send.ts'
import { parseTarget } from '../../host-node/transfer/target.ts'
import { frozenLetters } from '../transfer/world.ts'
import { serveStore } from './world.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const sendOptions = (onRetry: () => void = () => {}): SendOptions => ({
  ...{ storeId: 'none', token: undefined, as: 'calc', force: false, move: { start: false }, here: 'test', onRetry },
})

test('A server that was never reached is told of at once, with the remedy', async () => {
  const free = createTcp()
  const address = await listening(free)
  await closing.pop()?.()
  const { store } = await frozenLetters()
  let retries = 0
  const sending = send(
    store,
    'calc',
    `http://${address}`,
    sendOptions(() => void retries++),
  )
  await expect(sending).rejects.toMatchObject({
    code: 'STASIS_SERVER_UNREACHABLE',
    message: `http://${address} does not answer: nobody listens there. Start it there: stasis serve.`,
  })
  expect(retries).toBe(0)
})

const answering = (status: number, body: string) =>
  createHttp((_, response) => response.writeHead(status, { 'Content-Type': 'text/html' }).end(body))

test.each([
  ['a page', () => answering(200, '<h1>It works!</h1>'), '', 'HTTP 200'],
  ['that there is no such page', () => answering(404, '<h1>Not Found</h1>'), '', 'HTTP 404'],
  ['that it is elsewhere', () => answering(302, ''), '', 'sends its callers elsewhere (HTTP 302)'],
  [
    'what is no HTTP',
    () => createTcp((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n', () => socket.destroy())),
    '',
    'what it answers is no HTTP',
  ],
  ['without TLS', () => answering(200, ''), 'https', 'write http:// in the place of https://'],
])('A server that answers %s is none of ours', async (_, make, scheme, reason) => {
  const address = await listening(make())
  const failing = connect(`${scheme || 'http'}://${address}`, undefined)
  await expect(failing).rejects.toMatchObject({
    code: 'STASIS_SERVER_FOREIGN',
    message: expect.stringContaining(reason),
  })
})

test('A session that the server does not have is told of with those that it has', async () => {
  const served = await serveStore()
  closing.push(() => served.close())
  const { store } = await frozenLetters()
  await send(store, 'calc', served.server.url, { ...sendOptions(), move: undefined })
  const unknown = { code: 'STASIS_SESSION_UNKNOWN', message: 'The server has no session named cals. It has: calc.' }
  const attaching = await connect(served.server.url, undefined)
  await attaching.send({ kind: 'attach', session: 'cals', write: true })
  await expect(attaching.expect('attached')).rejects.toMatchObject(unknown)
  const starting = await connect(served.server.url, undefined)
  await starting.send({ kind: 'start', session: 'cals', files: 'refuse' })
  await expect(starting.expect('started')).rejects.toMatchObject(unknown)
  const copy = await connect(served.server.url, undefined)
  await copy.send({ kind: 'attach', session: 'calc', write: true })
  await expect(copy.expect('attached')).rejects.toMatchObject({
    code: 'STASIS_LEASE_COPY',
    message: expect.stringContaining('The server has a copy of calc, which does not run'),
  })
  for (const channel of [attaching, starting, copy]) channel.close()
})

test('A session that is to be started and attached to, and has ended meanwhile, is told of as it ended', async () => {
  const served = await serveStore()
  closing.push(() => served.close())
  const { store } = await frozenLetters()
  await send(store, 'calc', served.server.url, { ...sendOptions(), move: { start: true } })
  while (!served.logged.some((line) => line.includes('has ended with code 7'))) await sleep(10)
  const channel = await connect(served.server.url, undefined)
  await channel.send({ kind: 'start', session: 'calc', files: 'refuse' })
  await channel.expect('started')
  await channel.send({ kind: 'attach', session: 'calc', write: true })
  expect(new TextDecoder().decode((await channel.expect('attached')).screen)).toMatch(/A$/)
  expect(await channel.expect('over')).toMatchObject({ code: 7 })
  channel.close()
})

test('A server without sessions says that it has none', async () => {
  const served = await serveStore()
  closing.push(() => served.close())
  const channel = await connect(served.server.url, undefined)
  await channel.send({ kind: 'pull', session: 'calc', take: false, peer: '', transfer: '', start: false })
  await expect(channel.expect('ready')).rejects.toMatchObject({
    message: 'The server has no session named calc. It has none.',
  })
  channel.close()
})

test.each([
  'ftp://box',
  'http://box/a/b',
  'http://box/../x',
  'http://box/..',
  'http://box/./x',
  'box\\..\\x',
  'http://user:secret@box',
  'http://box?token=1',
  'http://box#x',
  'http://box:99999',
  '',
  ':8642',
  '8642',
])('"%s" is no address of a server', (given) => {
  expect(() => parseTarget(given)).toThrow(expect.objectContaining({ code: 'STASIS_TARGET' }))
})

test('A port alone is told how it is written, and a name as it was written', () => {
  expect(() => parseTarget('8642')).toThrow('http://localhost:8642')
  expect(() => parseTarget('http://box/a b')).toThrow('The session name "a b" has a character that is not allowed')
  expect(() => parseTarget('http://box/%2e%2e%2fx')).toThrow('The session name "../x"')
  expect(parseTarget('wss://box:1/calc')).toEqual({ server: 'https://box:1', session: 'calc' })
})
