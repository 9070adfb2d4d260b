import { expect, test } from 'vitest'
import { loadLease } from '../../runtime/store/lease.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { lettersOutput } from '../session/guests.ts'
import { seeded } from '../support/seeded.ts'
import { canRun, finish, frozenLetters, transfer } from './world.ts'

const seeds = process.env.LOG_FAULTS === 'full' ? 200 : 30

/** At most one side can go on; where none can, the sender has let go and only has to say so again. */
async function checkOne(here: Store, there: Store): Promise<void> {
  const running = [await canRun(here), await canRun(there)].filter(Boolean).length
  if (running === 1) return
  expect(running).toBe(0)
  const [ours, theirs] = [await loadLease(here, 'calc'), await loadLease(there, 'calc')]
  expect([ours?.state, ours?.confirmed, theirs?.state]).toEqual(['moved', false, 'received'])
  expect(theirs?.transfer).toBe(ours?.transfer)
}

/** What a person does who is told to try again, until the session has moved. */
async function moveUntilDone(here: Store, there: Store, attempt: () => Parameters<typeof transfer>[3] = () => ({})) {
  for (let trial = 0; trial < 50; trial++) {
    const lease = await loadLease(here, 'calc')
    if (lease?.state === 'moved' && lease.confirmed) return
    const mode = lease?.state === 'moved' ? 'resume' : 'move'
    await transfer(here, there, mode, attempt())
    await checkOne(here, there)
  }
  await transfer(here, there, (await loadLease(here, 'calc'))?.state === 'moved' ? 'resume' : 'move')
}

test(`A connection that is cut at any byte (${seeds} seeds) leaves one copy that can run, and nothing is lost`, async () => {
  const { store: sample } = await frozenLetters()
  const whole = await measure(sample)
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seeded(seed)
    const { store: here, out } = await frozenLetters()
    const there = new MemoryStore()
    await moveUntilDone(here, there, () => ({
      // Half of them in the last act, whose frames are short.
      cutAfter: Math.floor(random() < 0.5 ? random() * whole : whole - random() * 1500),
    }))
    expect(`${seed}: ${out}${await finish(there)}`).toBe(`${seed}: ${lettersOutput} 7`)
    await expect(finish(here)).rejects.toMatchObject({ code: 'STASIS_LEASE_MOVED' })
  }
})

test('A connection that is cut before any of its frames leaves one copy that can run', async () => {
  // Frames of the last act are short: every byte of it.
  const { store: sample } = await frozenLetters()
  const whole = await measure(sample)
  for (let left = 0; left < 1200; left += 12) {
    const { store: here, out } = await frozenLetters()
    const there = new MemoryStore()
    await transfer(here, there, 'move', { cutAfter: whole - left })
    await checkOne(here, there)
    await moveUntilDone(here, there)
    expect(out + (await finish(there))).toBe(`${lettersOutput} 7`)
  }
})

async function measure(here: Store): Promise<number> {
  let low = 0
  let high = 1 << 22
  while (high - low > 1) {
    const middle = (low + high) >> 1
    const copy = new MemoryStore()
    for (const { name } of await here.list('')) await copy.put(name, [(await here.get(name))!])
    const { sent, taken } = await transfer(copy, new MemoryStore(), 'move', { cutAfter: middle })
    if (sent.status === 'fulfilled' && taken.status === 'fulfilled') high = middle
    else low = middle
  }
  return high
}

/** A store whose process dies at its write number `left`, before or after it takes place. */
function mortal(store: Store, left: number, after: boolean): Store {
  const state = { left }
  const write =
    <A extends unknown[], R>(change: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (--state.left > 0) return change(...args)
      if (after && state.left === 0) await change(...args)
      throw new Error('killed')
    }
  return {
    url: store.url,
    list: (prefix) => store.list(prefix),
    get: (name, range) => store.get(name, range),
    put: write((name, parts) => store.put(name, parts)),
    append: write((name, at, parts) => store.append(name, at, parts)),
    delete: write((name) => store.delete(name)),
    rename: write((from, to) => store.rename(from, to)),
    lock: (session) => store.lock(session),
    owners: () => store.owners(),
    locate: (name) => store.locate(name),
  }
}

for (const side of ['sender', 'receiver'] as const) {
  test(`A ${side} that is killed before or after any of its writes leaves one copy that can run`, async () => {
    for (const after of [false, true]) {
      for (let write = 1; ; write++) {
        const { store: here, out } = await frozenLetters()
        const there = new MemoryStore()
        const [from, to] = side === 'sender' ? [mortal(here, write, after), there] : [here, mortal(there, write, after)]
        const { sent, taken } = await transfer(from, to, 'move')
        await checkOne(here, there)
        await moveUntilDone(here, there)
        expect(`${write}: ${out}${await finish(there)}`).toBe(`${write}: ${lettersOutput} 7`)
        if (sent.status === 'fulfilled' && taken.status === 'fulfilled') {
          expect(write).toBeGreaterThan(3)
          break
        }
      }
    }
  })
}

/** A store that fails to note `states` of a lease, once each; with `after`, when that was written. */
function failing(store: Store, states: readonly string[], after: boolean): Store {
  const left = new Set(states)
  const put: Store['put'] = async (name, parts) => {
    const state = name.endsWith('/lease.cbor') ? await decodedState(name, parts) : ''
    const fails = left.delete(state)
    if (!fails || after) await store.put(name, parts)
    if (fails) throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
  }
  const { url } = store
  const list: Store['list'] = (prefix) => store.list(prefix)
  const get: Store['get'] = (name, range) => store.get(name, range)
  const append: Store['append'] = (name, at, parts) => store.append(name, at, parts)
  const lock: Store['lock'] = (session) => store.lock(session)
  const rename: Store['rename'] = (from, to) => store.rename(from, to)
  const other = { delete: (name: string) => store.delete(name), owners: () => store.owners() }
  return { url, list, get, put, append, rename, lock, locate: (name) => store.locate(name), ...other }
}

async function decodedState(name: string, parts: readonly Uint8Array[]): Promise<string> {
  const copy = new MemoryStore()
  await copy.put(name, parts)
  return (await loadLease(copy, 'calc'))?.state ?? ''
}

test.each([
  ['before it is written', ['moved'], false],
  ['before it is written, and when it takes the session back', ['moved', 'owned'], false],
  ['after it was written', ['moved'], true],
] as const)(
  'A write error when the sender notes that it let go, %s, leaves one copy that can run',
  async (_, states, after) => {
    const { store: here, out } = await frozenLetters()
    const there = new MemoryStore()
    // Its first lease is noted as owned too.
    await transfer(here, there, 'copy')
    const { sent } = await transfer(failing(here, states, after), there, 'move')
    const [ours, theirs] = [await loadLease(here, 'calc'), await loadLease(there, 'calc')]
    if (after) {
      // What is on the disk decides, whatever the write has said.
      expect(sent.status).toBe('fulfilled')
      expect([ours?.state, ours?.confirmed, theirs?.state]).toEqual(['moved', true, 'owned'])
    } else {
      expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'EIO' } })
      expect([ours?.state, theirs?.state]).toEqual([states.length === 1 ? 'owned' : 'offered', 'received'])
    }
    await checkOne(here, there)
    await moveUntilDone(here, there)
    expect(out + (await finish(there))).toBe(`${lettersOutput} 7`)
    await expect(finish(here)).rejects.toMatchObject({ code: 'STASIS_LEASE_MOVED' })
  },
)

test('A sender that dies while it offers a session takes it back, and what it offered never runs', async () => {
  const { store: here, out } = await frozenLetters()
  const there = new MemoryStore()
  // Its first write is its lease, the second the offer, the third that it let go.
  await transfer(mortal(here, 3, false), there, 'move')
  expect([(await loadLease(here, 'calc'))?.state, (await loadLease(there, 'calc'))?.state]).toEqual([
    'offered',
    'received',
  ])
  expect(out + (await finish(here))).toBe(`${lettersOutput} 7`)
  await expect(finish(there)).rejects.toMatchObject({ code: 'STASIS_LEASE_RECEIVED' })
})

test('What had arrived before a cut is not sent again', async () => {
  const { store: here } = await frozenLetters()
  const there = new MemoryStore()
  const whole = await measure(here)
  const copy = async () => {
    const store = new MemoryStore()
    for (const { name } of await here.list('')) await store.put(name, [(await here.get(name))!])
    return store
  }
  await transfer(await copy(), there, 'copy', { cutAfter: whole - 700 })
  const staged = await there.list('incoming/')
  expect(staged.length).toBeGreaterThan(0)
  const { sent } = await transfer(await copy(), there, 'copy')
  const total = (await here.list('')).reduce((sum, blob) => sum + blob.size, 0)
  expect((sent as PromiseFulfilledResult<{ changed: number }>).value.changed).toBeLessThan(total)
  expect(await there.list('incoming/')).toEqual([])
})
