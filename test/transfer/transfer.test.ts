import { expect, test } from 'vitest'
import { loadLease } from '../../runtime/store/lease.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Round } from '../../runtime/transfer/send-blobs.ts'
import { lettersOutput } from '../session/guests.ts'
import { canRun, finish, frozenLetters, reason, transfer } from './world.ts'

const state = async (store: MemoryStore, name = 'calc') => (await loadLease(store, name))?.state

test('A session that was moved goes on on the other side, and not on this one', async () => {
  const { store: here, out } = await frozenLetters()
  const there = new MemoryStore()
  const { sent, taken } = await transfer(here, there, 'move')
  expect([reason(sent), reason(taken)]).toEqual(['done', 'done'])
  await expect(finish(here)).rejects.toMatchObject({
    code: 'STASIS_LEASE_MOVED',
    message: expect.stringContaining('http://there/calc'),
  })
  expect(out + (await finish(there))).toBe(`${lettersOutput} 7`)
})

test('A copy does not run, and says where the session is', async () => {
  const { store: here, out } = await frozenLetters()
  const there = new MemoryStore()
  await transfer(here, there, 'copy')
  await expect(finish(there)).rejects.toMatchObject({ code: 'STASIS_LEASE_COPY' })
  expect(out + (await finish(here))).toBe(`${lettersOutput} 7`)
})

test('A session comes back after it was moved, and the second way sends next to nothing', async () => {
  const { store: here, out } = await frozenLetters()
  const there = new MemoryStore()
  await transfer(here, there, 'move')
  const { sent, taken } = await transfer(there, here, 'move')
  expect([reason(sent), reason(taken)]).toEqual(['done', 'done'])
  expect([await state(here as MemoryStore), await state(there)]).toEqual(['owned', 'moved'])
  expect((await loadLease(here, 'calc'))?.epoch).toBe(2)
  const { sent: again } = await transfer(here, there, 'copy')
  expect((again as PromiseFulfilledResult<Round>).value.changed).toBe(0)
  expect(out + (await finish(here))).toBe(`${lettersOutput} 7`)
})

test('Another session of the name on the other side is not replaced, unless that is forced', async () => {
  const { store: here, out } = await frozenLetters()
  const { store: there, out: theirs } = await frozenLetters(4)
  const { sent } = await transfer(here, there, 'move')
  expect(reason(sent)).toBe('STASIS_SESSION_EXISTS')
  expect([await canRun(here), await canRun(there)]).toEqual([true, true])
  expect(theirs.length).toBe(3)
  const { sent: forced } = await transfer(here, there, 'move', { force: true })
  expect(reason(forced)).toBe('done')
  expect(out + (await finish(there))).toBe(`${lettersOutput} 7`)
})

test('A session goes to another name, and back from there', async () => {
  const { store: here, out } = await frozenLetters()
  const { store: there } = await frozenLetters(4)
  const { sent } = await transfer(here, there, 'move', { as: 'other' })
  expect(reason(sent)).toBe('done')
  expect(out + (await finish(there, 'other'))).toBe(`${lettersOutput} 7`)
})

test('Two stores that both claim a session are not merged', async () => {
  const { store: here } = await frozenLetters()
  const there = new MemoryStore()
  await transfer(here, there, 'copy')
  const lease = (await loadLease(there, 'calc'))!
  // Somebody has copied the files by hand.
  const { saveLease } = await import('../../runtime/store/lease.ts')
  await saveLease(there, 'calc', { ...lease, state: 'owned' })
  const { sent } = await transfer(here, there, 'move')
  expect(reason(sent)).toBe('STASIS_SESSION_DIVERGED')
  expect(await canRun(here)).toBe(true)
})

test('A stale owner is told that the other side is further', async () => {
  const { store: here } = await frozenLetters()
  const there = new MemoryStore()
  await transfer(here, there, 'copy')
  const lease = (await loadLease(there, 'calc'))!
  const { saveLease } = await import('../../runtime/store/lease.ts')
  await saveLease(there, 'calc', { ...lease, epoch: 5 })
  expect(reason((await transfer(here, there, 'copy')).sent)).toBe('STASIS_LEASE_STALE')
})

test('Where the answer to the last message is lost, both sides know that it moved, and the sender can ask again', async () => {
  const { store: here, out } = await frozenLetters()
  const there = new MemoryStore()
  const broken = { onOwned: () => Promise.reject(new Error('pulled the plug')) }
  const { sent } = await transfer(here, there, 'move', { take: broken })
  expect(reason(sent)).toBe('STASIS_INTERNAL')
  expect([await state(here as MemoryStore), await state(there)]).toEqual(['moved', 'owned'])
  await expect(finish(here)).rejects.toMatchObject({ message: expect.stringContaining('stasis migrate --resume calc') })
  const { sent: again } = await transfer(here, there, 'resume')
  expect(reason(again)).toBe('done')
  expect((await loadLease(here, 'calc'))?.confirmed).toBe(true)
  expect(out + (await finish(there))).toBe(`${lettersOutput} 7`)
})

test('A blob that is not what its digest says is refused, and nothing is in place', async () => {
  const { store: here } = await frozenLetters()
  const there = new MemoryStore()
  const get = here.get.bind(here)
  // What the sender reads for itself is honest: heads, and pages of 4 KiB.
  here.get = async (name, range) => {
    const bytes = await get(name, range)
    if (name.endsWith('.ckp') && bytes !== undefined && range?.start === 0 && bytes.length > 4096) bytes[4000]! ^= 1
    return bytes
  }
  const { taken } = await transfer(here, there, 'move')
  expect(reason(taken)).toMatch(/STASIS_(IMAGE|CKP)_DAMAGED/)
  expect(await there.list('sessions/')).toEqual([])
  here.get = get
  expect(await canRun(here)).toBe(true)
})
