import { encode } from 'cborg'
import { expect, test } from 'vitest'
import { checkWhole, claimLease, type Lease, leaseName, loadLease, saveLease } from '../../runtime/store/lease.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'

const lease: Lease = { line: 'x', epoch: 2, state: 'owned', peer: 'http://box:1/calc', transfer: 't', confirmed: true }

test('A lease is the same after it was saved, and none is the store’s own', async () => {
  const store = new MemoryStore()
  expect(await loadLease(store, 'calc')).toBeUndefined()
  await claimLease(store, 'calc')
  await saveLease(store, 'calc', lease)
  expect(await loadLease(store, 'calc')).toEqual(lease)
})

test('What was offered is taken back, and what is elsewhere is refused with the command that brings it here', async () => {
  const store = new MemoryStore()
  await saveLease(store, 'calc', { ...lease, state: 'offered' })
  await claimLease(store, 'calc')
  expect((await loadLease(store, 'calc'))?.state).toBe('owned')
  for (const [state, code, remedy] of [
    ['moved', 'STASIS_LEASE_MOVED', 'stasis pull --take http://box:1/calc'],
    ['copy', 'STASIS_LEASE_COPY', 'stasis pull --take http://box:1/calc'],
    ['received', 'STASIS_LEASE_RECEIVED', 'stasis pull --take http://box:1/calc'],
    ['incoming', 'STASIS_LEASE_INCOMPLETE', 'stasis rm calc'],
  ] as const) {
    await saveLease(store, 'calc', { ...lease, state })
    await expect(claimLease(store, 'calc')).rejects.toMatchObject({ code, message: expect.stringContaining(remedy) })
  }
  await expect(checkWhole(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_LEASE_INCOMPLETE' })
})

test.each([
  ['not CBOR', Uint8Array.of(0xff)],
  ['another state', encode({ format: 1, ...lease, state: 'mine' })],
  ['a field too many', encode({ format: 1, ...lease, more: 1 })],
  ['a later format', encode({ format: 2, ...lease })],
  ['bytes behind it', Uint8Array.of(...encode({ format: 1, ...lease }), 0)],
  ['too much', new Uint8Array(5000)],
])('A lease that is %s lets nothing run', async (_, blob) => {
  const store = new MemoryStore()
  await store.put(leaseName('calc'), [blob])
  await expect(claimLease(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_LEASE_DAMAGED' })
})
