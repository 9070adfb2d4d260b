import 'fake-indexeddb/auto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { IndexedDbStore } from '../../host-browser/indexed-db-store.ts'
import { inProcessLocks } from '../../host-browser/web-locks.ts'
import { storeSuite } from '../store/store-suite.ts'

let databases = 0
const open = (name = `test-${databases++}`, locks = inProcessLocks()) => new IndexedDbStore(name, { locks })
const bytes = (...values: number[]) => Uint8Array.from(values)
const filled = (size: number, value: number) => new Uint8Array(size).fill(value)

afterEach(() => vi.restoreAllMocks())

describe('IndexedDB store', () => {
  storeSuite(
    async () => open(),
    async () => undefined,
  )
})

test('what one page wrote, another one reads', async () => {
  const name = `shared-${databases++}`
  await open(name).put('modules/x', [bytes(1, 2)])
  expect(await open(name).get('modules/x')).toEqual(bytes(1, 2))
  expect(await open().get('modules/x')).toBeUndefined()
})

test('large blobs are whole, in every range over the pieces that they are kept in', async () => {
  const store = open()
  const whole = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i >> 8) ^ i)
  await store.put('modules/x', [whole.subarray(0, 900_000), whole.subarray(900_000, 2_300_000)])
  await store.append('modules/x', 2_300_000, [whole.subarray(2_300_000)])
  expect(Buffer.compare((await store.get('modules/x'))!, whole)).toBe(0)
  const edges = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, 2_299_999, 2_300_000, 2_300_001, 2_500_000]
  for (const start of edges) {
    for (const end of edges.filter((edge) => edge >= start)) {
      expect(Buffer.compare((await store.get('modules/x', { start, end }))!, whole.subarray(start, end))).toBe(0)
    }
  }
  for (const at of edges.toReversed()) {
    await store.append('modules/x', at, [bytes(255)])
    const expected = Buffer.concat([whole.subarray(0, at), bytes(255)])
    expect(Buffer.compare((await store.get('modules/x'))!, expected)).toBe(0)
  }
})

test('appending writes what is new, and reading a range reads its pieces', async () => {
  const store = open()
  await store.put('sessions/a/data', [filled(3 << 20, 1)])
  const put = vi.spyOn(IDBObjectStore.prototype, 'put')
  await store.append('sessions/a/data', 3 << 20, [filled(10, 2)])
  const written = put.mock.calls.flatMap(([value]) => (value instanceof Uint8Array ? [value.length] : []))
  expect(written).toEqual([10])
  const getAll = vi.spyOn(IDBObjectStore.prototype, 'getAll')
  await store.get('sessions/a/data', { start: (1 << 20) + 5, end: (1 << 20) + 9 })
  const { lower, upper } = getAll.mock.calls[0]![0] as IDBKeyRange
  expect([lower[1], upper[1]]).toEqual([1 << 20, (1 << 20) + 9])
})

test('a part of a larger memory is stored alone', async () => {
  const store = open()
  const put = vi.spyOn(IDBObjectStore.prototype, 'put')
  await store.put('modules/x', [filled(1 << 20, 1).subarray(7, 9)])
  const [piece] = put.mock.calls.flatMap(([value]) => (value instanceof Uint8Array ? [value] : []))
  expect(piece!.buffer.byteLength).toBe(2)
})

describe('when the browser gives no more room', () => {
  /** What a browser does at the commit of a transaction that it has no room for. */
  const fill = () =>
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore) {
      const transaction = this.transaction as unknown as { _abort(name: string): void }
      const request = this.get('nothing')
      transaction._abort('QuotaExceededError')
      return request as unknown as IDBRequest<IDBValidKey>
    })

  test('the error says so, and all that was there is intact', async () => {
    const store = open()
    await store.put('sessions/a/1.ckpt', [bytes(1, 2, 3)])
    await store.put('sessions/a/data', [bytes(4)])
    const before = await store.list('')
    fill()
    const full = { code: 'STASIS_STORE_FULL', message: expect.stringContaining('Remove sessions') }
    await expect(store.put('sessions/a/1.ckpt', [bytes(9)])).rejects.toMatchObject(full)
    await expect(store.put('sessions/a/2.ckpt', [bytes(9)])).rejects.toMatchObject(full)
    await expect(store.append('sessions/a/data', 0, [bytes(9)])).rejects.toMatchObject(full)
    vi.restoreAllMocks()
    expect(await store.list('')).toEqual(before)
    expect(await store.get('sessions/a/1.ckpt')).toEqual(bytes(1, 2, 3))
    expect(await store.get('sessions/a/data')).toEqual(bytes(4))
    await store.append('sessions/a/data', 1, [bytes(5)])
    expect(await store.get('sessions/a/data')).toEqual(bytes(4, 5))
  })
})

test('a change that fails half-way leaves nothing of itself', async () => {
  const store = open()
  await store.put('sessions/a/data', [bytes(1, 2, 3)])
  const { put } = IDBObjectStore.prototype
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
    // The record comes last.
    if (typeof key === 'string') throw new DOMException('no', 'UnknownError')
    return put.call(this, value, key)
  })
  const failed = { code: 'STASIS_STORE_FAILED', message: expect.stringContaining('no') }
  await expect(store.append('sessions/a/data', 1, [bytes(9)])).rejects.toMatchObject(failed)
  await expect(store.put('sessions/a/data', [bytes(9)])).rejects.toMatchObject(failed)
  vi.restoreAllMocks()
  expect(await store.get('sessions/a/data')).toEqual(bytes(1, 2, 3))
})

test('pieces that are gone are an error, not shorter bytes', async () => {
  const store = open()
  await store.put('modules/x', [filled(10, 1)])
  await store.append('modules/x', 10, [filled(10, 2)])
  const { getAll } = IDBObjectStore.prototype
  vi.spyOn(IDBObjectStore.prototype, 'getAll').mockImplementation(function (this: IDBObjectStore, range) {
    return getAll.call(this, range, 1)
  })
  await expect(store.get('modules/x')).rejects.toMatchObject({ code: 'STASIS_BLOB_DAMAGED' })
})

test('other pages see who runs a session, and are told when they want it too', async () => {
  const locks = inProcessLocks()
  const name = `shared-${databases++}`
  const first = new IndexedDbStore(name, { locks, pid: 17 })
  const second = new IndexedDbStore(name, { locks, pid: 18 })
  const since = Date.now()
  const lock = await first.lock('calc')
  const owner = (await second.owners()).get('calc')!
  expect(owner.pid).toBe(17)
  expect(owner.since).toBeGreaterThanOrEqual(since)
  await expect(second.lock('calc')).rejects.toMatchObject({
    code: 'STASIS_SESSION_BUSY',
    message: expect.stringContaining('running in a page of this browser (number 17, since 20'),
  })
  expect((await open(undefined, locks).owners()).size).toBe(0)
  await lock.release()
  expect((await second.owners()).size).toBe(0)
  await (await second.lock('calc')).release()
})

test('of many pages that want a session at once, exactly one gets it', async () => {
  const locks = inProcessLocks()
  const stores = Array.from({ length: 8 }, () => open('race', locks))
  const results = await Promise.allSettled(stores.map((store) => store.lock('calc')))
  expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
})

test('who was taken from changes the session no more, in no way, until it has the lock again', async () => {
  const locks = inProcessLocks()
  const name = `shared-${databases++}`
  const first = new IndexedDbStore(name, { locks, pid: 17 })
  const second = new IndexedDbStore(name, { locks, pid: 18 })
  const lost = await first.lock('calc')
  const other = await first.lock('other')
  await first.put('sessions/calc/a.log', [bytes(1)])
  await second.takeOver('calc')
  expect([...(await second.owners()).keys()]).toEqual(['other'])
  const lock = await second.lock('calc')
  expect((await second.owners()).get('calc')?.pid).toBe(18)

  const taken = { code: 'STASIS_SESSION_TAKEN', message: expect.stringContaining('taken over by another page') }
  await expect(first.append('sessions/calc/a.log', 1, [bytes(2)])).rejects.toMatchObject(taken)
  await expect(first.put('sessions/calc/b', [bytes(2)])).rejects.toMatchObject(taken)
  await expect(first.delete('sessions/calc/a.log')).rejects.toMatchObject(taken)
  await expect(first.rename('sessions/calc/a.log', 'sessions/calc/c')).rejects.toMatchObject(taken)
  await first.put('sessions/other/b', [bytes(2)])
  await second.append('sessions/calc/a.log', 1, [bytes(3)])
  expect(await first.get('sessions/calc/a.log')).toEqual(bytes(1, 3))

  await lost.release()
  await expect(first.lock('calc')).rejects.toMatchObject({ code: 'STASIS_SESSION_BUSY' })
  await lock.release()
  await other.release()
  const again = await first.lock('calc')
  await first.append('sessions/calc/a.log', 2, [bytes(4)])
  await again.release()
})

test('where pages have no locks, the last one that takes a session has it', async () => {
  const name = `shared-${databases++}`
  const first = new IndexedDbStore(name)
  const second = new IndexedDbStore(name)
  await first.lock('calc')
  await first.put('sessions/calc/a', [bytes(1)])
  await second.lock('calc')
  await expect(first.put('sessions/calc/a', [bytes(2)])).rejects.toMatchObject({ code: 'STASIS_SESSION_TAKEN' })
  await second.put('sessions/calc/a', [bytes(3)])
})
