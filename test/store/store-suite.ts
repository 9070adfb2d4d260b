import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { parseAddress } from '../../runtime/store/address.ts'
import {
  listSessions,
  listVersions,
  loadCheckpoint,
  loadModule,
  removeVersions,
  saveCheckpoint,
  saveModule,
} from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { tinyCheckpoint } from '../image/sample.ts'

export const sha = (digit: string): string => digit.repeat(64)

export function image(label: string, sha256 = sha('a')): Uint8Array {
  const sample = tinyCheckpoint()
  return encodeCheckpoint({ ...sample, label, module: { ...sample.module, sha256 } })
}

/** What every store must do. `open` gives an empty store; `close` what it leaves behind. */
export function storeSuite(open: () => Promise<Store>, close: (store: Store) => Promise<void>): void {
  let store: Store
  beforeEach(async () => {
    store = await open()
  })
  afterEach(() => close(store))
  const bytes = (...values: number[]) => Uint8Array.from(values)
  const names = async (prefix: string) => (await store.list(prefix)).map(({ name }) => name)

  test('a blob is the concatenation of its parts, and is replaced whole', async () => {
    await store.put('sessions/a/1.ckpt', [bytes(1, 2), bytes(), bytes(3)])
    expect([...(await store.get('sessions/a/1.ckpt'))!]).toEqual([1, 2, 3])
    await store.put('sessions/a/1.ckpt', [bytes(9)])
    expect([...(await store.get('sessions/a/1.ckpt'))!]).toEqual([9])
  })

  test('a part of a blob can be read alone', async () => {
    await store.put('modules/x', [bytes(1, 2, 3)])
    const part = async (start: number, end: number) => [...(await store.get('modules/x', { start, end }))!]
    expect([...(await store.get('modules/x', { end: 2 }))!]).toEqual([1, 2])
    expect(await part(0, 9)).toEqual([1, 2, 3])
    expect(await part(1, 2)).toEqual([2])
    expect(await part(2, 9)).toEqual([3])
    expect(await part(3, 9)).toEqual([])
    expect(await part(7, 9)).toEqual([])
    expect(await part(2, 1)).toEqual([])
  })

  test('ranges are given in the room that is there, and of the blob as it was opened', async () => {
    await store.put('sessions/a/data', [bytes(0, 1, 2, 3, 4, 5)])
    const into = new Uint8Array(4)
    expect([...(await store.get('sessions/a/data', { start: 1, end: 5, into }))!]).toEqual([1, 2, 3, 4])
    expect([...(await store.get('sessions/a/data', { start: 4, end: 8, into }))!]).toEqual([4, 5])
    expect([...(await store.get('sessions/a/data', { end: 6, into }))!]).toEqual([0, 1, 2, 3, 4, 5])
    if (store.open === undefined) return
    expect(await store.open('sessions/a/none')).toBeUndefined()
    await expect(store.open('../a')).rejects.toThrow(/blob's name/)
    const reader = (await store.open('sessions/a/data'))!
    await store.put('sessions/a/data', [bytes(9)])
    expect([...(await reader.get({ start: 2, end: 4 }))]).toEqual([2, 3])
    expect([...(await reader.get({ start: 5, end: 9, into }))]).toEqual([5])
    await reader.close()
  })

  test('a blob is appended to, and what stood behind the place is cut off', async () => {
    await store.append('sessions/a/data', 0, [bytes(1, 2), bytes(3)])
    await store.append('sessions/a/data', 3, [bytes(4)])
    expect([...(await store.get('sessions/a/data'))!]).toEqual([1, 2, 3, 4])
    expect([...(await store.get('sessions/a/data', { start: 2, end: 4 }))!]).toEqual([3, 4])
    await store.append('sessions/a/data', 1, [bytes(9, 9)])
    expect([...(await store.get('sessions/a/data'))!]).toEqual([1, 9, 9])
    expect(await store.list('sessions/a/')).toMatchObject([{ name: 'sessions/a/data', size: 3 }])
    await store.append('sessions/a/data', 2, [])
    expect([...(await store.get('sessions/a/data'))!]).toEqual([1, 9])
    const beyond = store.append('sessions/a/data', 3, [bytes(5)])
    await expect(beyond).rejects.toMatchObject({ code: 'STASIS_BLOB_CHANGED', fields: { at: 3, size: 2 } })
    await expect(store.append('sessions/a/none', 1, [])).rejects.toMatchObject({ code: 'STASIS_BLOB_CHANGED' })
    await store.put('sessions/a/data', [bytes(7)])
    await store.append('sessions/a/data', 1, [bytes(8)])
    expect([...(await store.get('sessions/a/data'))!]).toEqual([7, 8])
  })

  test('a blob gets another name and replaces what had it', async () => {
    await store.put('sessions/a/old', [bytes(1)])
    await store.append('sessions/a/new', 0, [bytes(2), bytes(3)])
    expect(await store.rename('sessions/a/new', 'sessions/a/old')).toBe(true)
    expect([...(await store.get('sessions/a/old'))!]).toEqual([2, 3])
    expect(await names('')).toEqual(['sessions/a/old'])
    expect(await store.rename('sessions/a/new', 'sessions/a/old')).toBe(false)
    expect([...(await store.get('sessions/a/old'))!]).toEqual([2, 3])
    expect(await store.rename('sessions/a/old', 'elsewhere/and/new')).toBe(true)
    expect((await store.list('elsewhere/')).map(({ name }) => name)).toEqual(['elsewhere/and/new'])
  })

  test('what is not there is undefined, and deleting it says so', async () => {
    expect(await store.get('modules/none')).toBeUndefined()
    expect(await store.get('modules/none', { end: 4 })).toBeUndefined()
    expect(await store.delete('modules/none')).toBe(false)
    expect(await store.list('')).toEqual([])
  })

  test('blobs are listed by prefix, sorted, with their sizes', async () => {
    for (const name of ['sessions/b/1.ckpt', 'sessions/a/1.ckpt', 'modules/x']) await store.put(name, [bytes(0, 0)])
    expect(await names('')).toEqual(['modules/x', 'sessions/a/1.ckpt', 'sessions/b/1.ckpt'])
    expect(await names('sessions/a')).toEqual(['sessions/a/1.ckpt'])
    expect(await store.list('modules/')).toMatchObject([{ name: 'modules/x', size: 2 }])
    expect(await store.delete('modules/x')).toBe(true)
    expect(await names('modules/')).toEqual([])
  })

  test('names that could leave the store are refused', async () => {
    for (const name of ['', '../x', 'a/../b', '/etc/passwd', 'a//b', '.hidden', 'a/.x', 'a\\b', 'a\0']) {
      await expect(store.put(name, [])).rejects.toThrow(/blob's name/)
      await expect(store.get(name)).rejects.toThrow(/blob's name/)
    }
  })

  test('versions count from 1 and are addressed absolutely or from the newest', async () => {
    for (const label of ['one', 'two', 'three']) await saveCheckpoint(store, 'calc', [image(label)])
    const label = async (address: string) => {
      const { version } = (await loadCheckpoint(store, parseAddress(address))).address
      const found = (await listVersions(store, 'calc')).find((info) => info.version === version)!
      return found.content.kind === 'intact' ? found.content.manifest.label : 'damaged'
    }
    expect(await Promise.all(['calc', 'calc@0', 'calc@-1', 'calc@-2', 'calc@1'].map(label))).toEqual([
      'three',
      'three',
      'two',
      'one',
      'one',
    ])
    await expect(loadCheckpoint(store, parseAddress('calc@4'))).rejects.toThrow('It has 1, 2, 3.')
    await expect(loadCheckpoint(store, parseAddress('calc@-3'))).rejects.toThrow('no version -3')
    await expect(loadCheckpoint(store, parseAddress('other'))).rejects.toThrow('no session named other')
  })

  test('a version number is not given twice while later ones exist', async () => {
    for (const label of ['one', 'two', 'three']) await saveCheckpoint(store, 'calc', [image(label)])
    expect(await removeVersions(store, 'calc', ({ version }) => version === 2)).toEqual([2])
    expect(await saveCheckpoint(store, 'calc', [image('four')])).toBe(4)
    expect((await loadCheckpoint(store, parseAddress('calc@-1'))).address.version).toBe(3)
  })

  test('ten versions and more are in the order of their numbers', async () => {
    for (let count = 1; count <= 11; count++) await saveCheckpoint(store, 'calc', [image(`${count}`)])
    expect((await loadCheckpoint(store, parseAddress('calc'))).address.version).toBe(11)
    expect((await listVersions(store, 'calc')).map(({ version }) => version).slice(-3)).toEqual([9, 10, 11])
  })

  test('a damaged version is named and hides no other', async () => {
    await saveCheckpoint(store, 'calc', [image('good')])
    await saveCheckpoint(store, 'calc', [image('cut').subarray(0, -8)])
    await saveCheckpoint(store, 'calc', [new TextEncoder().encode('something else')])
    const [session] = await listSessions(store)
    expect(session!.versions.map(({ content }) => content.kind)).toEqual(['intact', 'damaged', 'damaged'])
    const messages = session!.versions.map(({ content }) => (content.kind === 'damaged' ? content.error.message : ''))
    expect(messages[1]).toContain(`calc@2 (${store.locate('sessions/calc/2.ckpt')}): The checkpoint image is damaged`)
    expect(messages[2]).toContain('calc@3')
  })

  test('a module stays while a checkpoint needs it, or may need it', async () => {
    await saveModule(store, sha('a'), bytes(1))
    await saveModule(store, sha('b'), bytes(2))
    await saveCheckpoint(store, 'one', [image('', sha('a'))])
    await saveCheckpoint(store, 'two', [image('', sha('b'))])
    await removeVersions(store, 'two')
    expect(await loadModule(store, sha('a'))).toEqual(bytes(1))
    expect(await loadModule(store, sha('b'))).toBeUndefined()
    await saveCheckpoint(store, 'three', [bytes(0)])
    await removeVersions(store, 'one')
    expect(await loadModule(store, sha('a'))).toEqual(bytes(1))
    await removeVersions(store, 'three')
    expect(await store.list('')).toEqual([])
  })

  test('a session that runs cannot be run again, until it ends', async () => {
    const lock = await store.lock('calc')
    await expect(store.lock('calc')).rejects.toMatchObject({ code: 'STASIS_SESSION_BUSY' })
    const other = await store.lock('other')
    expect([...(await store.owners()).keys()].sort()).toEqual(['calc', 'other'])
    expect((await listSessions(store)).map(({ name, owner }) => [name, owner !== undefined])).toEqual([
      ['calc', true],
      ['other', true],
    ])
    await lock.release()
    await lock.release()
    const again = await store.lock('calc')
    await lock.release()
    await expect(store.lock('calc')).rejects.toThrow(/calc is running/)
    await again.release()
    await other.release()
    expect(await listSessions(store)).toEqual([])
  })
}
