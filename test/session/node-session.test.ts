import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { type NodeStartOptions, Session } from '../../host-node/sessions.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import { listVersions } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { busy, counter, deep, echo, letters, lettersOutput, looping } from './guests.ts'

let directory: string
let store: Store
let output: string
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-session-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
  output = ''
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const streams = () => ({
  stdin: 'empty' as const,
  stdout: (bytes: Uint8Array) => {
    output += new TextDecoder().decode(bytes)
  },
  cache: join(directory, 'cache'),
})
const options = (module: Uint8Array): NodeStartOptions => ({ module, store, name: 'calc', ...streams() })

test('a program runs in a worker thread and leaves nothing behind', async () => {
  const session = await Session.start(options(letters))
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(output).toBe(lettersOutput)
  expect(readdirSync(directory)).toEqual(['cache'])
})

test('a module can be given by its path', async () => {
  const file = join(directory, 'letters.wasm')
  writeFileSync(file, letters)
  const session = await Session.start({
    ...options(letters),
    module: file,
    triggers: [{ kind: 'call', call: 2 }],
    keep: true,
  })
  await session.done
  const [version] = await listVersions(store, 'calc')
  expect(version!.content).toMatchObject({ kind: 'intact', manifest: { module: { name: 'letters.wasm' } } })
  await expect(Session.start({ ...options(letters), module: `${file}.not` })).rejects.toMatchObject({
    code: 'STASIS_FILE',
  })
})

test('a program that makes calls without end is frozen, goes on, and is stopped', async () => {
  const session = await Session.start(options(busy))
  const first = await session.checkpoint({ label: 'first' })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const second = await session.checkpoint({ stop: true })
  expect(second.calls).toBeGreaterThan(first.calls)
  expect(await session.done).toEqual({ kind: 'suspended', checkpoint: second })
})

test('a program that only computes is frozen by its polls', async () => {
  const session = await Session.start(options(looping))
  expect(await session.checkpoint({ stop: true })).toMatchObject({ version: 1, calls: 0 })
})

test('a program that waits for stdin is frozen at once, and reads on', async () => {
  const stdin = new PassThrough()
  const session = await Session.start({ ...options(echo), stdin })
  stdin.write('abc')
  while (output.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  await session.checkpoint()
  await session.checkpoint({ stop: true })
  const more = new PassThrough()
  const again = await Session.restore(store, 'calc', { ...streams(), stdin: more })
  more.end('def')
  expect(await again.done).toEqual({ kind: 'exited', code: 0 })
  expect(output).toBe('abcdef')
})

test('input that was given and not read goes with every checkpoint, and comes first', async () => {
  const triggers = [5, 9].map((call) => ({ kind: 'call' as const, call }))
  const session = await Session.start({ ...options(echo), stdin: Buffer.from('abcdef'), triggers, keep: true })
  await session.done
  const stop = { triggers: [{ kind: 'call' as const, call: 7 }], stopAfterSnapshot: true, name: 'second' }
  const again = await Session.restore(store, 'calc@1', { ...streams(), stdin: Buffer.from('gh'), ...stop })
  expect(await again.done).toMatchObject({ kind: 'suspended' })
  const last = await Session.restore(store, 'second', { ...streams(), stdin: Readable.from([Buffer.from('ij')]) })
  expect(await last.done).toEqual({ kind: 'exited', code: 0 })
  expect(output).toBe('abcdef' + 'c' + 'defghij')
})

test('input that came with a checkpoint, and was read before a kill, is not read again', async () => {
  const stdin = new PassThrough()
  const triggers = [{ kind: 'call' as const, call: 5 }]
  const session = await Session.start({ ...options(echo), stdin, triggers })
  stdin.write('abcdef')
  while (output.length < 6) await new Promise((resolve) => setTimeout(resolve, 5))
  // Saves what was captured first.
  await session.terminate(137)
  const again = await Session.restore(store, 'calc', { ...streams(), stdin: Buffer.from('gh') })
  expect(await again.done).toEqual({ kind: 'exited', code: 0 })
  expect(output).toBe('abcdefgh')
})

test('input is fed on after a checkpoint that could not be saved', async () => {
  const stdin = new PassThrough()
  const session = await Session.start({ ...options(echo), stdin })
  stdin.write('ab')
  while (output.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  const { append } = store
  store.append = async () => {
    stdin.write('cd')
    throw new Error('the disk is full')
  }
  await expect(session.checkpoint({ stop: true })).rejects.toThrow('the disk is full')
  store.append = append
  stdin.end('ef')
  expect(await session.done).toEqual({ kind: 'exited', code: 0 })
  expect(output).toBe('abcdef')
})

test('a program that nothing stops can be ended', async () => {
  const session = await Session.start({ ...options(looping), polls: 'none' })
  const checkpoint = session.checkpoint().catch((error) => error.code)
  await session.terminate(130)
  expect(await session.done).toEqual({ kind: 'exited', code: 130 })
  expect(await checkpoint).toBe('STASIS_SESSION_ENDED')
  expect((await store.owners()).size).toBe(0)
})

test('nested calls are captured and resumed, or refused where they could not be, and never lost', async () => {
  const kinds: string[] = []
  for (const depth of [10_000, 60_000, 80_000, 190_000]) {
    const events: SessionEvent[] = []
    const session = await Session.start({
      ...options(deep(depth)),
      name: `deep-${depth}`,
      triggers: [{ kind: 'call', call: 1 }],
      stopAfterSnapshot: true,
      onEvent: (event) => void events.push(event),
    })
    let outcome = await session.done
    kinds.push(outcome.kind)
    if (outcome.kind === 'suspended') outcome = await (await Session.restore(store, session.name, streams())).done
    else expect(events).toContainEqual(expect.objectContaining({ kind: 'refused', error: tooDeep }))
    expect(outcome).toEqual({ kind: 'exited', code: depth % 256 })
  }
  expect(kinds[0]).toBe('suspended')
  expect(kinds.at(-1)).toBe('exited')
})

const tooDeep = expect.objectContaining({ code: 'STASIS_CAPTURE_DEPTH' })

test('directories whose files are not carried must be granted again, and nothing else', async () => {
  mkdirSync(join(directory, 'data'))
  const mounts = [{ host: join(directory, 'data'), guest: '/data' }]
  const session = await Session.start({ ...options(counter), mounts, maxFileBytes: 0 })
  await session.checkpoint({ stop: true })
  await expect(Session.restore(store, 'calc', streams())).rejects.toMatchObject({ code: 'STASIS_MOUNT_NOT_GRANTED' })
  const more = [...mounts, { host: directory, guest: '/more' }]
  await expect(Session.restore(store, 'calc', { ...streams(), mounts: more })).rejects.toMatchObject({
    code: 'STASIS_MOUNT_UNKNOWN',
  })
  const missing = [{ host: join(directory, 'none'), guest: '/data' }]
  await expect(Session.restore(store, 'calc', { ...streams(), mounts: missing })).rejects.toThrow(/none/)
  const again = await Session.restore(store, 'calc', { ...streams(), mounts })
  expect(await again.call('next')).toBe(11)
  await again.end()
})

test('a pre-linked module is kept, and a damaged one made anew', async () => {
  const cache = join(directory, 'cache')
  await (await Session.start(options(letters))).done
  const [entry] = readdirSync(cache)
  const good = readFileSync(join(cache, entry!))
  for (const damaged of [good.subarray(0, 5), Buffer.alloc(0), Buffer.concat([good, good])]) {
    writeFileSync(join(cache, entry!), damaged)
    await (await Session.start(options(letters))).done
    expect(readFileSync(join(cache, entry!)).equals(good)).toBe(true)
  }
  expect(readdirSync(cache)).toEqual([entry])
  rmSync(cache, { recursive: true })
  writeFileSync(join(directory, 'file'), '')
  await (await Session.start({ ...options(letters), cache: false })).done
  expect(existsSync(cache)).toBe(false)
  await (await Session.start({ ...options(letters), cache: join(directory, 'file', 'cache') })).done
  expect(output).toBe(lettersOutput.repeat(6))
})

test('after a kill the newest checkpoint restores in another process', async () => {
  const script = join(directory, 'run.mjs')
  const library = new URL('../../dist/node.js', import.meta.url).href
  writeFileSync(join(directory, 'busy.wasm'), busy)
  writeFileSync(
    script,
    `import { openStore, Session } from ${JSON.stringify(library)}
    const store = await openStore('file:.stasis')
    const session = await Session.start({ module: 'busy.wasm', store, name: 'calc', stdin: 'empty', cache: 'cache' })
    for (let count = 1; ; count++) {
      await session.checkpoint({ label: String(count) })
      process.send(count)
    }`,
  )
  const child = spawn(process.execPath, [script], { cwd: directory, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const told = await new Promise<number>((resolve) =>
    child.on('message', (count) => Number(count) >= 5 && resolve(Number(count))),
  )
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  const session = await Session.restore(store, 'calc', streams())
  const { version, calls } = await session.checkpoint({ stop: true })
  expect(version).toBeGreaterThan(told)
  expect(calls).toBeGreaterThan(0)
})
