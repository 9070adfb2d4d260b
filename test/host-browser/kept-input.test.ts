import { describe, expect, test } from 'vitest'
import { KeptInput } from '../../host-browser/kept-input.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { saveTyped, typedBehind, typedBlob } from '../../runtime/store/typed-input.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { tinyCheckpoint } from '../image/sample.ts'

const id = '01234567-89ab-4cde-8f01-23456789abcd'
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (given: Uint8Array) => new TextDecoder().decode(given)

const imageOf = (calls: number, input: string) => encodeCheckpoint({ ...tinyCheckpoint(), calls, input: bytes(input) })

const open = (store: MemoryStore, image?: Uint8Array, events: boolean[] = []) =>
  KeptInput.open({
    ...{ store, session: 'calc', id, isOver: () => false, onFull: (waiting) => void events.push(waiting) },
    ...(image && { image }),
  })

describe('what was typed', () => {
  test('is in the store when it is accepted, and comes again where the program begins anew', async () => {
    const store = new MemoryStore()
    await (await open(store)).accept(bytes('one\n'))
    expect(text((await open(store)).behind)).toBe('one\n')
  })

  test('goes on behind what was there before', async () => {
    const store = new MemoryStore()
    await (await open(store)).accept(bytes('one\n'))
    await (await open(store)).accept(bytes('two\n'))
    expect(text((await open(store)).behind)).toBe('one\ntwo\n')
  })

  test('is parted by a checkpoint: what that carries comes from it, and what was read before comes no more', async () => {
    const store = new MemoryStore()
    const kept = await open(store)
    await kept.accept(bytes('abcdef'))
    // Two were read, and the ring had three.
    await kept.noteCheckpoint(7, 2, 3)
    await kept.accept(bytes('gh'))
    expect(text((await open(store, imageOf(7, 'cde'))).behind)).toBe('fgh')
  })

  test('is parted by a checkpoint of a session that had not read yet what was there when it went on', async () => {
    const store = new MemoryStore()
    await (await open(store)).accept(bytes('abcd'))
    const again = await open(store)
    await again.accept(bytes('ef'))
    // One of the four was read and nothing of what came here; three are carried, and the `e`.
    await again.noteCheckpoint(3, -3, 4)
    const third = await open(store, imageOf(3, 'bcde'))
    expect(text(third.behind)).toBe('f')
  })

  test('is behind a checkpoint that carries what had not reached the store', async () => {
    const store = new MemoryStore()
    const kept = await open(store)
    await kept.accept(bytes('ab'))
    await kept.noteCheckpoint(1, 1, 0)
    const image = imageOf(1, 'bcd')
    const again = await open(store, image)
    expect(text(again.behind)).toBe('')
    await again.accept(bytes('e'))
    expect(text((await open(store, image)).behind)).toBe('e')
  })

  test('belongs to one run: a fork of the same name is not given it', async () => {
    const store = new MemoryStore()
    await saveTyped(store, 'calc', { id: 'another', from: 0, bytes: bytes('x'), marks: [{ calls: 0, read: 0 }] })
    expect((await open(store)).behind.length).toBe(0)
  })

  test('is passed over where its record is damaged', async () => {
    const store = new MemoryStore()
    await store.put(typedBlob('calc'), [bytes('no CBOR')])
    expect((await open(store)).behind.length).toBe(0)
  })

  test('is forgotten when the session ends', async () => {
    const store = new MemoryStore()
    const kept = await open(store)
    const accepted = kept.accept(bytes('one'))
    await kept.forget()
    await accepted
    expect(await store.list('')).toEqual([])
  })

  test('waits for room where the store is full, which is told', async () => {
    const store = new MemoryStore()
    const events: boolean[] = []
    const kept = await open(store, undefined, events)
    const put = store.put.bind(store)
    store.put = () => Promise.reject(new StasisError('STASIS_STORE_FULL', 'It is full.'))
    const accepted = kept.accept(bytes('one'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(events).toEqual([true])
    store.put = put
    await accepted
    expect(events).toEqual([true, false])
    expect(text((await open(store)).behind)).toBe('one')
  })
})

test('nothing is known behind a checkpoint without a mark', () => {
  const typed = { id, from: 4, bytes: bytes('efgh'), marks: [{ calls: 9, read: 5 }] }
  expect(typedBehind(typed, 8, 0)).toBeUndefined()
  expect(text(typedBehind(typed, 9, 1)!)).toBe('gh')
  expect(text(typedBehind(typed, 9, 100)!)).toBe('')
})
