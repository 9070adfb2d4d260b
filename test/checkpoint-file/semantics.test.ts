// What the operations of docs/checkpoint-files.md mean, on both hosts.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import { codeOf, removeVersions, type World, worlds } from './worlds.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe.each(worlds)('a checkpoint file ($host)', ({ create }) => {
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
  const reopen = (): void => {
    file.close()
    file = world.open()
  }

  test('restores versions 1 to N, 0 as the newest, and -1 to -N+1 before it, after it is opened again', () => {
    const state = new Uint8Array(10_000)
    let region = file.register('state', state)
    for (let version = 1; version <= 5; version++)
      expect(file.save(region, { note: bytes(state.fill(version)[0]!) })).toBe(version)
    reopen()
    region = file.register('state', state)
    for (const [version, expected] of [
      [1, 1],
      [5, 5],
      [0, 5],
      [-1, 4],
      [-4, 1],
      [3, 3],
    ] as const) {
      file.restore(region, version)
      expect([...new Set(state)]).toEqual([expected])
    }
  })

  test('names the range where a version is out of it, and leaves the region alone', () => {
    const state = bytes(1, 2, 3)
    const region = file.register('state', state)
    expect(() => file.restore(region)).toThrow('The region state has no version 0. Nothing was saved yet.')
    for (let i = 0; i < 3; i++) file.save(region)
    for (const version of [4, -3, 0.5, Number.NaN]) {
      expect(() => file.restore(region, version)).toThrow(
        `The region state has no version ${version}. There are 1 to 3, or 0 for the newest to -2 for the oldest.`,
      )
    }
    expect(state).toEqual(bytes(1, 2, 3))
  })

  test('does not restore versions that were removed, but what later ones need of them', () => {
    const [a, b] = [new Uint8Array(9000), new Uint8Array(3)]
    const [first, second] = [file.register('a', a), file.register('b', b)]
    for (let step = 1; step <= 6; step++) {
      a.fill(step)
      b.fill(step)
      file.save(step === 2 ? second : first)
    }
    file.close()
    removeVersions(world.storage(), [1, 2])
    removeVersions(world.storage(), [5])
    file = world.open()
    const region = file.register('a', a)
    file.register('b', b)
    expect(file.versions().map(({ version }) => version)).toEqual([3, 4, 6])
    expect([...file.saved()]).toEqual([
      ['a', [2, 3, 5]],
      ['b', [1]],
    ])
    file.restore(region, -1)
    expect(a[8999]).toBe(4)
    for (const version of [1, 4]) {
      expect(() => file.restore(region, version)).toThrow(
        `The region a has no version ${version}. There are 2 to 5, or 0 for the newest to -2 for the oldest.`,
      )
    }
    file.restoreAll(3)
    expect([a[0], b[0]]).toEqual([3, 2])
    expect(file.save(region)).toBe(6)
    file.verify()
  })

  test('refuses a name again with another length unless it is to be replaced', () => {
    file.save(file.register('state', new Uint8Array(8)))
    expect(codeOf(() => file.register('state', new Uint8Array(9)))).toBe('STASIS_CKP_LENGTH')
    reopen()
    expect(codeOf(() => file.register('state', new Uint8Array(9)))).toBe('STASIS_CKP_LENGTH')
    const longer = file.register('state', new Uint8Array(9).fill(7), { replace: true })
    expect(file.save(longer)).toBe(2)
    expect(codeOf(() => file.restore(longer, 1))).toBe('STASIS_CKP_LENGTH')
    expect(file.read('state', 1)).toEqual(new Uint8Array(8))
    file.restore(longer, 2)
  })

  test('takes a name again with the same length, for other memory', () => {
    const first = file.register('state', bytes(1, 2))
    const memory = bytes(3, 4)
    const second = file.register('state', memory)
    expect(codeOf(() => file.save(first))).toBe('STASIS_CKP_REGION')
    file.save(second)
    memory.fill(0)
    file.restore(second)
    expect(memory).toEqual(bytes(3, 4))
  })

  test('saves all regions as one set, and restores them as they were after any version of the file', () => {
    const a = bytes(1)
    const b = bytes(10)
    const one = file.register('a', a)
    file.register('b', b)
    expect(file.saveAll()).toBe(1)
    a[0] = 2
    file.save(one)
    a[0] = 3
    b[0] = 30
    expect(file.saveAll()).toBe(3)
    const states = [1, 2, 3, 0, -1, -2].map((version) => {
      file.restoreAll(version)
      return [a[0], b[0]]
    })
    expect(states).toEqual([
      [1, 10],
      [2, 10],
      [3, 30],
      [3, 30],
      [2, 10],
      [1, 10],
    ])
    expect(codeOf(() => file.restoreAll(4))).toBe('STASIS_VERSION_UNKNOWN')
    expect(file.versions().map(({ regions }) => regions.map(({ name, version }) => `${name}${version}`))).toEqual([
      ['a1', 'b1'],
      ['a2'],
      ['a3', 'b2'],
    ])
  })

  test('restores none of the regions where one was not saved by then', () => {
    const a = bytes(1)
    file.register('a', a)
    file.saveAll()
    file.register('b', bytes(2))
    a[0] = 9
    expect(codeOf(() => file.restoreAll(1))).toBe('STASIS_CKP_UNSAVED')
    expect(a).toEqual(bytes(9))
  })

  test('locates what is registered, forgets what is unregistered, and keeps its versions', () => {
    const region = file.register('state', bytes(5))
    expect(file.locate('state')).toBe(region)
    file.save(region)
    file.unregister(region)
    expect(() => file.locate('state')).toThrow('No region state is registered. None is.')
    expect(codeOf(() => file.save(region))).toBe('STASIS_CKP_REGION')
    expect(codeOf(() => file.unregister(region))).toBe('STASIS_CKP_REGION')
    expect(file.read('state')).toEqual(bytes(5))
    expect([...file.saved()]).toEqual([['state', [1]]])
  })

  test('follows memory that moves, and refuses it where its length has changed', () => {
    let memory = bytes(1, 2, 3)
    const region = file.register('state', () => memory)
    file.save(region)
    memory = bytes(7, 7, 7)
    file.restore(region)
    expect(memory).toEqual(bytes(1, 2, 3))
    memory = bytes(1)
    expect(codeOf(() => file.save(region))).toBe('STASIS_CKP_LENGTH')
  })

  test('keeps notes, times, and empty regions', () => {
    const note = bytes(1, 2, 3, 4, 5)
    file.save(file.register('nothing', new Uint8Array(0)), { note })
    file.restore(file.locate('nothing'))
    const [version] = file.versions()
    expect(version?.note).toEqual(note)
    expect(version?.regions).toEqual([{ name: 'nothing', version: 1, length: 0 }])
    expect(codeOf(() => file.saveAll({ note: new Uint8Array(2 ** 20 + 1) }))).toBe('STASIS_CKP_OPTION')
  })

  test('can do nothing once closed', () => {
    const region = file.register('state', bytes(1))
    file.close()
    file.close()
    const calls = [
      () => file.save(region),
      () => file.locate('state'),
      () => file.versions(),
      () => file.compact({ keep: 1 }),
    ]
    expect(calls.map(codeOf)).toEqual(calls.map(() => 'STASIS_CKP_CLOSED'))
  })

  test.each(['', 'x'.repeat(256), '\ud800'])('refuses the name %j', (name) => {
    expect(codeOf(() => file.register(name, bytes(1)))).toBe('STASIS_CKP_NAME')
  })

  test('refuses unknown options', () => {
    file.close()
    expect(codeOf(() => world.open({ colour: 1 } as object))).toBe('STASIS_CKP_OPTION')
    file = world.open({ codec: 'deflate', durable: true })
  })

  test('has one writer and many readers, who see what was saved when they look again', () => {
    expect(codeOf(() => world.open())).toBe('STASIS_CKP_BUSY')
    const region = file.register('state', bytes(1))
    file.save(region)
    const readers = [world.open({ readOnly: true }), world.open({ readOnly: true })]
    region.bytes[0] = 2
    file.save(region)
    for (const reader of readers) {
      expect(reader.read('state')).toEqual(bytes(1))
      reader.refresh()
      expect(reader.read('state')).toEqual(bytes(2))
      expect(codeOf(() => reader.saveAll())).toBe('STASIS_CKP_READ_ONLY')
      reader.close()
    }
  })

  test('is not there to be read before it was made', () => {
    const fresh = create()
    expect(codeOf(() => fresh.open({ readOnly: true }))).toBe('STASIS_CKP_MISSING')
    fresh.dispose()
  })
})

test('a reader checks what a writer has saved since it was opened', () => {
  const disk = new MemoryCheckpoints()
  const writer = CheckpointFile.open(disk.open())
  const memory = new Uint8Array(8192).fill(1)
  const region = writer.register('state', memory)
  writer.save(region)
  const reader = CheckpointFile.open(disk.open({ readOnly: true }))
  memory.fill(2)
  writer.save(region)
  const bytes = disk.data.content
  bytes[bytes.length - 1]! ^= 1
  disk.data.truncate(0)
  disk.data.append([bytes])
  reader.refresh()
  expect(() => reader.read('state')).toThrow(/damaged/)
})
