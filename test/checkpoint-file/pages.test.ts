// What versions cost, and what is shared between them.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { writable } from '../support/codecs.ts'
import { codeOf, somePages, type World, worlds } from './worlds.ts'

const page = 4096

/** Vitest compares a kilobyte in a millisecond. */
const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0

describe.each(worlds)('pages in a checkpoint file ($host)', ({ create }) => {
  let world: World
  let file: CheckpointFile
  beforeEach(() => {
    world = create()
    file = world.open()
  })
  afterEach(() => {
    file.close()
    world.dispose()
  })
  /** Bytes that `save` adds to the data file beyond whole pages. */
  const pagesAdded = (save: () => void): number => {
    const before = world.data().length
    save()
    return (world.data().length - before) / page
  }

  test('are stored once in all versions and regions, and again found when the file is opened again', () => {
    const first = somePages(4, 1)
    const state = new Uint8Array(20 * page)
    for (const at of [0, 4, 8]) state.set(first, at * page)
    const region = file.register('state', state)
    expect(Math.floor(pagesAdded(() => file.save(region)))).toBe(4)
    state.copyWithin(0, page, 2 * page)
    const other = file.register('other', first.slice())
    expect(pagesAdded(() => file.saveAll())).toBeLessThan(0.1)
    file.close()
    file = world.open()
    // What version 1 had, at a place where it never was.
    const again = file.register('state', state)
    state.set(first, 16 * page)
    expect(pagesAdded(() => file.save(again))).toBeLessThan(0.1)
    expect(isSame(file.read('other'), other.bytes)).toBe(true)
    expect(isSame(file.read('state'), state)).toBe(true)
  })

  test('cost nothing where they are zeros, and are cleared when they are restored', () => {
    const state = new Uint8Array(1000 * page + 5)
    const region = file.register('state', state)
    expect(pagesAdded(() => file.save(region))).toBeLessThan(0.1)
    state.fill(1)
    file.save(region)
    file.restore(region, 1)
    expect(state.every((byte) => byte === 0)).toBe(true)
  })

  test('cost no more than their bytes where a region ends inside one', () => {
    const region = file.register('state', Uint8Array.of(1, 2, 3))
    expect(pagesAdded(() => file.save(region)) * page).toBeLessThan(160)
    // As a whole page that is the same but for its zeros.
    const whole = new Uint8Array(page)
    whole.set([1, 2, 3])
    const padded = file.register('whole', whole)
    expect(pagesAdded(() => file.save(padded)) * page).toBeLessThan(140)
    expect(isSame(file.read('whole'), whole)).toBe(true)
    file.restore(region)
    expect(region.bytes).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('whose checksums are equal by chance are told apart by their bytes', () => {
    file.close()
    // A host whose checksum is the first byte.
    const weak = { ...world.storage(), crc32: (bytes: Uint8Array, seed = 0) => (bytes[0] ?? 0) + seed * 0 }
    world.dispose()
    world = create()
    const storage = world.storage()
    file = Object.getPrototypeOf(file).constructor.open(
      new Proxy(storage, { get: (target, key) => (key === 'crc32' ? weak.crc32 : Reflect.get(target, key)) }),
    )
    const state = new Uint8Array(6 * page)
    for (let i = 0; i < 6; i++) state.set([7, i], i * page)
    const region = file.register('state', state)
    file.save(region)
    state[3 * page + 1] = 99
    file.save(region)
    expect(isSame(file.read('state'), state)).toBe(true)
  })

  test('changed at random through 200 versions are all there in every version, in few bytes', () => {
    const state = somePages(300, 5)
    const region = file.register('state', state)
    file.save(region)
    const kept = [state.slice()]
    let random = 1
    for (let version = 2; version <= 200; version++) {
      for (let i = 0; i < 3; i++) {
        random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff
        const at = (random >>> 8) % 300
        if ((random & 0x70000) === 0) state.fill(0, at * page, (at + 1) * page)
        else state[at * page + (random & 4095)] = version
      }
      file.save(region)
      if (version % 40 === 0) kept.push(state.slice())
    }
    const versions = [1, 40, 80, 120, 160, 200]
    expect(versions.map((version) => Buffer.compare(file.read('state', version), kept.shift()!))).toEqual(
      versions.map(() => 0),
    )
    const added = file
      .versions()
      .slice(1)
      .reduce((sum, { size }) => sum + size, 0)
    expect(added).toBeLessThan(199 * 3 * page * 1.15)
    file.verify()
  })

  test.each(writable.slice(1))(
    'are compressed by %s where that is asked for and shorter, and read back by any opener',
    (codec) => {
      file.close()
      file = world.open({ codec })
      const state = somePages(150, 9)
      for (let at = 0; at < 100 * page; at++) state[at] = (at >> 8) % 7
      const region = file.register('state', state)
      expect(pagesAdded(() => file.save(region))).toBeLessThan(90)
      state[5] = 1
      file.save(region)
      file.close()
      file = world.open()
      expect(isSame(file.read('state'), state)).toBe(true)
      file.verify()
    },
  )
})

describe.each(worlds)('compacting a checkpoint file ($host)', ({ create }) => {
  test.each(writable)('keeps the newest versions under their numbers, %s', (codec) => {
    const world = create()
    const file = world.open({ codec })
    const once = file.register('once', somePages(3, 77))
    file.save(once)
    const state = somePages(40, 1)
    const region = file.register('state', state)
    const before = new Map<number, Uint8Array>()
    for (let version = 1; version <= 10; version++) {
      state.set(somePages(4, version * 100), version * page)
      file.save(region)
      before.set(version, state.slice())
    }
    const reader = world.open({ readOnly: true })
    const size = world.data().length
    file.compact({ keep: 3 })
    expect(file.versions().map(({ version }) => version)).toEqual([9, 10, 11])
    expect([...file.saved()]).toEqual([
      ['once', [1]],
      ['state', [8, 9, 10]],
    ])
    if (codec === 'stored') expect(world.data().length).toBeLessThan(size)
    for (const version of [8, 9, 10]) expect(isSame(file.read('state', version), before.get(version))).toBe(true)
    expect(codeOf(() => file.restore(region, 7))).toBe('STASIS_VERSION_UNKNOWN')
    expect(codeOf(() => file.restoreAll(8))).toBe('STASIS_VERSION_UNKNOWN')
    file.restoreAll(9)
    expect(isSame(state, before.get(8))).toBe(true)
    expect(isSame(once.bytes, somePages(3, 77))).toBe(true)
    expect(file.save(region)).toBe(11)
    file.verify()
    // Who had it open reads on in the old one.
    expect(isSame(reader.read('state', 2), before.get(2))).toBe(true)
    reader.close()
    file.close()
    const again = world.open()
    expect(again.versions().map(({ version }) => version)).toEqual([9, 10, 11, 12])
    expect(codeOf(() => again.compact({ keep: 0 }))).toBe('STASIS_CKP_OPTION')
    again.close()
    world.dispose()
  })
})
