import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { pull } from '../../host-node/transfer/receive.ts'
import { resume, type SendOptions, send } from '../../host-node/transfer/send.ts'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import { lettersOutput } from '../session/guests.ts'
import { seeded } from '../support/seeded.ts'
import { finish, frozenLetters } from '../transfer/world.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { TwoPlaces } from './movers.ts'
import { type ServedStore, serveStore } from './world.ts'

const isLong = process.env.LOG_FAULTS === 'full'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(): Promise<ServedStore> {
  const served = await serveStore()
  closing.push(() => served.close())
  return served
}

const options = (start = false): SendOptions => ({
  ...{ storeId: 'none', token: undefined, as: 'calc', force: false, move: { start }, here: 'test', onRetry: () => {} },
})

async function canRun(store: Store): Promise<boolean> {
  const blobs = await store.list('sessions/calc/')
  return blobs.some(({ name }) => !name.endsWith('lease.cbor')) && mayRun(await loadLease(store, 'calc'))
}

/** One copy can run; or the sender has let go and only has to say so again. */
async function checkOne(here: Store, there: Store): Promise<void> {
  const ours = await loadLease(here, 'calc')
  const theirs = await loadLease(there, 'calc')
  const running = [await canRun(here), await canRun(there)].filter(Boolean).length
  if (running === 0) expect([ours?.state, ours?.confirmed, theirs?.state]).toEqual(['moved', false, 'received'])
  else expect(running).toBe(1)
}

async function moveUntilDone(here: Store, there: Store, url: string): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    const lease = await loadLease(here, 'calc')
    if (lease?.state === 'moved' && lease.confirmed) return
    const step =
      lease?.state === 'moved'
        ? resume(here, 'calc', undefined, { start: false }, () => {})
        : send(here, 'calc', url, options())
    await step.catch((error) => {
      expect(error.code).toMatch(/^STASIS_(CONNECTION_LOST|LEASE_MOVED|SESSION_BUSY)$/)
    })
    await checkOne(here, there)
  }
  throw new Error('it did not move in 40 attempts')
}

const seeds = isLong ? 200 : 30

test(`Sockets that break at any byte (${seeds} seeds) leave one copy that can run, and it finishes with the right output`, {
  timeout: 600_000,
}, async () => {
  const served = await serve()
  const { store: sample } = await frozenLetters()
  const measuring = await CuttingProxy.listen(served.server.url, () => Number.POSITIVE_INFINITY)
  await send(sample, 'calc', measuring.url, options())
  const whole = measuring.passed
  await measuring.close()
  for (let seed = 1; seed <= seeds; seed++) {
    for (const { name } of await served.store.list('')) await served.store.delete(name)
    const random = seeded(seed)
    let cuts = 1 + Math.floor(random() * 3)
    // Most of them where the right to run it is handed over.
    const proxy = await CuttingProxy.listen(served.server.url, () => {
      if (cuts-- <= 0) return Number.POSITIVE_INFINITY
      return Math.floor(random() < 0.4 ? random() * whole : whole - random() * 1200)
    })
    const { store: here, out } = await frozenLetters()
    await moveUntilDone(here, served.store, proxy.url)
    await proxy.close()
    expect(`${seed}: ${out}${await finish(served.store)}`).toBe(`${seed}: ${lettersOutput} 7`)
    await expect(finish(here)).rejects.toMatchObject({ code: 'STASIS_LEASE_MOVED' })
  }
})

test('Two servers that are sent the same session at the same time: one of them gets it', async () => {
  const [one, other] = [await serve(), await serve()]
  for (let trial = 0; trial < 10; trial++) {
    const { store: here, out } = await frozenLetters()
    for (const { store } of [one, other]) for (const { name } of await store.list('')) await store.delete(name)
    const ends = await Promise.allSettled([one, other].map(({ server }) => send(here, 'calc', server.url, options())))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const owners = [here, one.store, other.store]
    const running = await Promise.all(owners.map(canRun))
    expect(running.filter(Boolean)).toHaveLength(1)
    expect(out + (await finish(owners[running.indexOf(true)]!))).toBe(`${lettersOutput} 7`)
  }
})

test('Two that take a session from a server at the same time: one of them gets it', async () => {
  const served = await serve()
  const { out } = await frozenLetters(10, 'calc', served.store)
  const stores = [0, 1, 2].map((number) => new FileStore(join(served.directory, `taker-${number}`)))
  const take = { token: undefined, as: 'calc', take: true, force: false, here: 'test', onRetry: () => {} }
  const ends = await Promise.allSettled(stores.map((store) => pull(store, 'calc', served.server.url, take)))
  expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const running = await Promise.all([served.store, ...stores].map(canRun))
  expect(running.filter(Boolean)).toHaveLength(1)
  expect(out + (await finish([served.store, ...stores][running.indexOf(true)]!))).toBe(`${lettersOutput} 7`)
})

test('A taker whose last word was lost asks again and has it', async () => {
  const served = await serve()
  const { out } = await frozenLetters(10, 'calc', served.store)
  const { store: scratch } = await frozenLetters()
  const here = new FileStore(join(served.directory, 'taker'))
  const take = { token: undefined, as: 'calc', take: true, force: false, here: 'test', onRetry: () => {} }
  const measuring = await CuttingProxy.listen(served.server.url, () => Number.POSITIVE_INFINITY)
  await send(scratch, 'calc', measuring.url, { ...options(), as: 'scratch', move: undefined })
  const whole = measuring.passed
  await measuring.close()
  // Each connection breaks a little later in the last act than the one before.
  let back = 1500
  const proxy = await CuttingProxy.listen(served.server.url, () => {
    back -= 150
    return back > 0 ? whole + 400 - back : Number.POSITIVE_INFINITY
  })
  for (let attempt = 0; attempt < 40 && (await loadLease(here, 'calc'))?.state !== 'owned'; attempt++) {
    await pull(here, 'calc', proxy.url, take).catch(() => undefined)
    await checkOne(served.store, here)
  }
  await proxy.close()
  expect(out + (await finish(here))).toBe(`${lettersOutput} 7`)
})

const kills = isLong ? 40 : 4

test(`A server that is killed at ${kills} random instants of a migration leaves one copy that can run`, {
  timeout: 900_000,
}, async () => {
  const places = new TwoPlaces()
  closing.push(() => places.close())
  const directory = places.here.directory
  const script =
    'local t = {} for i = 1, 300000 do t[i] = i * i % 1009 end local s = 0 for i = 1, #t do s = s + t[i] end print("sum " .. s)'
  const words = places.words({
    program: 'lua',
    args: ['-e', `${script.replace(' local s', ' io.write("ready\\n") io.flush() local s')}`],
    env: [],
    middle: '',
  })
  const expected = (await places.here.run('run', '--no-log', '--store', 'plain', ...words)).out
  let server = await places.serve()
  const { port } = new URL(places.url)
  for (let seed = 1; seed <= kills; seed++) {
    const random = seeded(seed * 7919)
    for (const store of ['here', 'there']) rmSync(join(directory, store), { recursive: true, force: true })
    const stop = ['--snapshot-on', 'call:8', '--stop-after-snapshot']
    const frozen = await places.here.run('run', '--name', 'calc', '--store', 'here', ...stop, ...words)
    expect(frozen.code).toBe(75)
    const [here, there] = ['here', 'there'].map((name) => new FileStore(join(directory, name))) as [
      FileStore,
      FileStore,
    ]
    const moving = send(here, 'calc', places.url, options()).catch(() => undefined)
    await sleep(random() * 250)
    server.child.kill('SIGKILL')
    await server.finished
    server = await places.serve(Number(port))
    await moving
    await checkOne(here, there)
    await moveUntilDone(here, there, places.url)
    const rest = await places.here.run('restore', 'calc', '--store', 'there', ...words.slice(0, 2))
    expect(`${seed}: ${frozen.out}${rest.out}`).toBe(`${seed}: ${expected}`)
  }
})
