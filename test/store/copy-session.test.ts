import { expect, test } from 'vitest'
import { listVersions, removeVersions, saveCheckpoint, saveModule } from '../../runtime/store/checkpoints.ts'
import { copySession, sessionBlobs } from '../../runtime/store/copy-session.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { image, sha } from './store-suite.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

/** A store with the session `calc`, and with others whose blobs are not to be touched. */
async function source(): Promise<Store> {
  const store = new MemoryStore()
  await saveModule(store, sha('a'), bytes(1, 2))
  await saveModule(store, sha('b'), bytes(3))
  for (const label of ['one', 'two']) await saveCheckpoint(store, 'calc', [image(label)])
  await saveCheckpoint(store, 'other', [image('x', sha('b'))])
  await store.put('sessions/calc/0-00000000.log', [new Uint8Array(20_000_000).fill(7)])
  await store.put(`sessions/calc/chunks/${sha('c')}`, [bytes(4, 5)])
  return store
}

async function contents(store: Store, prefix: string): Promise<Record<string, string>> {
  const blobs = await store.list(prefix)
  const pairs = blobs.map(async ({ name, size }) => {
    const content = (await store.get(name))!
    return [name.slice(prefix.length), `${size} ${content.reduce((sum, byte) => (sum * 31 + byte) | 0, 0)}`] as const
  })
  return Object.fromEntries(await Promise.all(pairs))
}

test('a session’s blobs are its own and the modules that it needs, chunks first and modules last', async () => {
  const { blobs, missing } = await sessionBlobs(await source(), 'calc')
  expect(blobs.map(({ name }) => name)).toEqual([
    `sessions/calc/chunks/${sha('c')}`,
    'sessions/calc/0-00000000.log',
    'sessions/calc/checkpoints.cki',
    'sessions/calc/checkpoints.ckp',
    `modules/${sha('a')}.wasm`,
  ])
  expect(missing).toEqual([])
})

test('a copy has the same blobs under its own name, and what else is there stays', async () => {
  const [from, to] = [await source(), await source()]
  await removeVersions(from, 'other')
  const seen: number[] = []
  const report = await copySession(from, 'calc', to, {
    as: 'twin',
    onProgress: ({ done, total }) => seen.push(done / total),
  })
  expect(await contents(to, 'sessions/twin/')).toEqual(await contents(from, 'sessions/calc/'))
  expect(report).toMatchObject({ name: 'twin', copied: 4, present: 1, missing: [] })
  expect(seen.at(-1)).toBe(1)
  expect(Object.keys(await contents(to, 'sessions/other/'))).toEqual(['checkpoints.cki', 'checkpoints.ckp'])
  expect((await to.owners()).size + (await from.owners()).size).toBe(0)
})

test('an interrupted copy is finished by copying again, without writing what is there', async () => {
  const from = await source()
  const to = new MemoryStore()
  const { put, append } = to
  let room = 2
  const limited = async <T>(write: () => Promise<T>): Promise<T> => {
    if (room-- === 0) throw new Error('power loss')
    return write()
  }
  to.put = (...given) => limited(() => put.apply(to, given))
  to.append = (...given) => limited(() => append.apply(to, given))
  await expect(copySession(from, 'calc', to)).rejects.toThrow('power loss')
  expect((await to.list('')).map(({ name }) => name)).toContain('sessions/calc/copy.part')
  room = 99
  expect(await copySession(from, 'calc', to)).toMatchObject({ present: 1, copied: 4 })
  expect(await contents(to, 'sessions/')).toEqual(await contents(from, 'sessions/calc/').then(prefixed))
  expect(await copySession(from, 'calc', to)).toMatchObject({ present: 5, copied: 0, bytes: 0 })
})

const prefixed = (blobs: Record<string, string>) =>
  Object.fromEntries(Object.entries(blobs).map(([name, content]) => [`calc/${name}`, content]))

test('another session of that name is replaced only if asked for, and then wholly', async () => {
  const from = await source()
  const to = new MemoryStore()
  for (const label of ['x', 'y', 'z']) await saveCheckpoint(to, 'calc', [image(label)])
  await expect(copySession(from, 'calc', to)).rejects.toMatchObject({ code: 'STASIS_SESSION_EXISTS' })
  expect((await listVersions(to, 'calc')).length).toBe(3)
  await copySession(from, 'calc', to, { force: true })
  expect(await contents(to, 'sessions/calc/')).toEqual(await contents(from, 'sessions/calc/'))
})

test('a session that runs is refused on either side, and so is one that is not there', async () => {
  const [from, to] = [await source(), new MemoryStore()]
  const lock = await from.lock('calc')
  await expect(copySession(from, 'calc', to)).rejects.toMatchObject({ code: 'STASIS_SESSION_BUSY' })
  await lock.release()
  const targetLock = await to.lock('calc')
  await expect(copySession(from, 'calc', to)).rejects.toMatchObject({ code: 'STASIS_SESSION_BUSY' })
  await targetLock.release()
  await expect(copySession(from, 'none', to)).rejects.toMatchObject({ code: 'STASIS_SESSION_UNKNOWN' })
  expect(await to.list('')).toEqual([])
})

test('a module that the store does not have is told', async () => {
  const from = await source()
  await from.delete(`modules/${sha('a')}.wasm`)
  expect(await copySession(from, 'calc', new MemoryStore())).toMatchObject({ missing: [`modules/${sha('a')}.wasm`] })
})
