// A save that is cut at any byte, an index that is not the data's, and files that nobody wrote so.
import { describe, expect, test } from 'vitest'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import type { ByteFile } from '../../runtime/store/checkpoint-file/storage.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { codeOf, memoryWorld, seal, somePages, worlds } from './worlds.ts'

/** Three versions of two regions, the second with what a file can contain. */
function sample(): { data: Uint8Array; index: Uint8Array; ends: number[]; versions: Uint8Array[] } {
  const world = memoryWorld()
  // A page that stays, one of few different bytes, zeros, and one that is cut.
  const state = new Uint8Array(3 * 4096 + 100)
  state.set(somePages(1, 3))
  const ends: number[] = []
  const versions: Uint8Array[] = []
  for (const [i, codec] of (['stored', 'deflate', 'stored'] as const).entries()) {
    const file = world.open({ codec })
    file.register('state', state)
    file.register('counter', Uint8Array.of(i, 1, 2))
    if (i === 1) state.fill(7, 4096, 2 * 4096)
    state.set(somePages(1, i).subarray(0, 100), 3 * 4096)
    file.saveAll({ note: Uint8Array.of(i) })
    versions.push(state.slice())
    file.close()
    ends.push(world.data().length)
  }
  return { data: world.data(), index: world.index(), ends, versions }
}

/** All that can be read of it. */
function useAll(file: CheckpointFile): void {
  for (const [name, versions] of file.saved())
    for (const version of versions) file.read(name, version, { maxLength: 1 << 20 })
  file.versions()
  file.verify()
}

const { data, index, ends, versions } = sample()
const state50 = somePages(4, 50).subarray(0, 3 * 4096 + 100)

/** Vitest compares a kilobyte in a millisecond. */
const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0

describe('a save that a crash cuts at any byte', () => {
  test('leaves the versions before, lets readers be, and the next writer goes on', () => {
    for (let size = 32; size <= data.length; size++) {
      const whole = ends.filter((end) => end <= size).length
      const disk = new MemoryCheckpoints(data.subarray(0, size), index)
      const reader = CheckpointFile.open(disk.open({ readOnly: true }))
      expect(reader.versions().length).toBe(whole)
      expect(disk.data.size()).toBe(size)
      const writer = CheckpointFile.open(disk.open())
      expect(disk.data.size()).toBe(ends[whole - 1] ?? 32)
      for (let version = 1; version <= whole; version++)
        expect(isSame(writer.read('state', version), versions[version - 1])).toBe(true)
      // The reader still sees what it saw.
      if (whole > 0) expect(isSame(reader.read('state'), versions[whole - 1])).toBe(true)
      const region = writer.register('state', state50)
      expect(writer.save(region)).toBe(whole + 1)
      writer.close()
      const again = CheckpointFile.open(disk.open())
      expect(isSame(again.read('state', 0), region.bytes)).toBe(true)
      again.verify()
    }
  }, 120_000)

  test('while the file is created leaves one that can be created again', () => {
    for (let size = 0; size < 32; size++) {
      const file = CheckpointFile.open(new MemoryCheckpoints(data.subarray(0, size)).open())
      expect(file.versions()).toEqual([])
    }
  })

  test('may leave zeros or rubbish where its bytes should be', () => {
    for (const fill of [0, 0xa5]) {
      const torn = new Uint8Array(data.length).fill(fill)
      torn.set(data.subarray(0, ends[1]))
      const file = CheckpointFile.open(new MemoryCheckpoints(torn, index).open())
      expect(file.versions().length).toBe(2)
      file.verify()
    }
  })
})

test.each([1, 15, 16, 64, 65, 200])('a damaged page among %i that follow each other is never restored', (count) => {
  const disk = new MemoryCheckpoints()
  const file = CheckpointFile.open(disk.open())
  file.save(file.register('state', somePages(count, 4)))
  file.close()
  const whole = disk.data.content
  for (const page of new Set([0, count >> 1, count - 1])) {
    const flipped = whole.slice()
    flipped[flipped.length - (count - page) * 4096 + 9] = 0
    const damaged = CheckpointFile.open(new MemoryCheckpoints(flipped).open())
    const region = damaged.register('state', new Uint8Array(count * 4096).fill(9))
    expect(codeOf(() => damaged.restore(region))).toBe('STASIS_CKP_DAMAGED')
    expect(region.bytes.every((byte) => byte === 9)).toBe(true)
  }
})

test('a save for which there is no room leaves the versions before, and can be made later', () => {
  const disk = new MemoryCheckpoints()
  const storage = disk.open()
  let room = Number.POSITIVE_INFINITY
  const data: ByteFile = {
    size: () => disk.data.size(),
    read: (offset, target) => disk.data.read(offset, target),
    truncate: (size) => disk.data.truncate(size),
    sync: () => {},
    append: (parts) => {
      for (const part of parts) {
        disk.data.append([part.subarray(0, Math.max(0, room - disk.data.size()))])
        if (disk.data.size() >= room) throw new Error('no space left on device')
      }
    },
  }
  const file = CheckpointFile.open({ ...storage, index: storage.index, data })
  const region = file.register('state', somePages(3, 1))
  file.save(region)
  const before = disk.data.size()
  region.bytes.set(somePages(3, 2))
  for (room = before + 1; room < before + 12_288; room += 500) {
    expect(codeOf(() => file.save(region))).toBe('STASIS_CKP_WRITE')
    expect(disk.data.size()).toBe(before)
  }
  room = Number.POSITIVE_INFINITY
  file.save(region)
  expect(isSame(file.read('state', 0), somePages(3, 2))).toBe(true)
  expect(isSame(file.read('state', 1), somePages(3, 1))).toBe(true)
  file.verify()
})

test('a file that a writer adds to while a reader opens it is not taken for damaged', () => {
  for (let size = 32; size < data.length; size += 7) {
    const disk = new MemoryCheckpoints(data.subarray(0, size))
    // All is there as soon as the reader has asked how much there is, and begins to look for what it may find.
    let asked = 0
    const growing: ByteFile = {
      ...disk.open({ readOnly: true }).data,
      size: () => (asked++ === 0 ? size : data.length),
      read: (offset, target) => {
        const found = data.subarray(offset, offset + target.length)
        target.set(found)
        return found.length
      },
    }
    const reader = CheckpointFile.open({ ...disk.open({ readOnly: true }), data: growing })
    expect(reader.versions().length).toBe(ends.filter((end) => end <= size).length)
    reader.refresh()
    expect(isSame(reader.read('state', 3), versions[2])).toBe(true)
  }
})

describe.each(worlds)('an index that disagrees ($host)', ({ create }) => {
  const odd: Readonly<Record<string, Uint8Array>> = {
    'is missing': new Uint8Array(0),
    'is foreign': new TextEncoder().encode('no index at all, but some text'),
    'is one of another file': (() => {
      const other = memoryWorld()
      const file = other.open()
      for (let i = 0; i < 3; i++) file.save(file.register('state', somePages(2, i)))
      return other.index()
    })(),
    'is cut': index.subarray(0, index.length - 30),
    'is behind': index.subarray(0, 16),
    'is too long': Uint8Array.from([...index, ...index.subarray(16)]),
    'is longer than the data': new Uint8Array(1 << 20).fill(1),
  }
  test.each(Object.entries(odd))('because it %s is written anew', (_how, bytes) => {
    const world = create()
    world.setData(data)
    world.setIndex(bytes)
    const reader = world.open({ readOnly: true })
    expect(isSame(reader.read('state', 1), versions[0])).toBe(true)
    expect(world.index()).toEqual(bytes)
    reader.close()
    const file = world.open()
    expect(isSame(file.read('state', 2), versions[1])).toBe(true)
    expect(world.index()).toEqual(index)
    file.close()
    world.dispose()
  })

  test('at any flipped byte is written anew', () => {
    for (let at = 0; at < index.length; at++) {
      const flipped = index.slice()
      flipped[at] = flipped[at]! ^ 0x10
      const disk = new MemoryCheckpoints(data, flipped)
      const file = CheckpointFile.open(disk.open())
      expect(isSame(file.read('state', 0), versions[2])).toBe(true)
      expect(Buffer.compare(disk.index.content, index)).toBe(0)
    }
  })
})

describe('a damaged data file', () => {
  test('is noticed by verify at any flipped byte, and no flipped byte is ever restored', () => {
    for (let at = 0; at < data.length; at++) {
      const flipped = data.slice()
      flipped[at] = flipped[at]! ^ (1 << (at & 7))
      let said = 0
      try {
        const file = CheckpointFile.open(new MemoryCheckpoints(flipped, index).open({ readOnly: true }))
        // In the newest head it looks like a save that was cut.
        said += file.versions().length < 3 ? 1 : 0
        for (const version of file.saved().get('state') ?? []) {
          try {
            expect(isSame(file.read('state', version), versions[version - 1])).toBe(true)
          } catch (error) {
            if (!isStasisError(error)) throw error
            said++
          }
        }
        file.verify()
      } catch (error) {
        if (!isStasisError(error)) throw error
        expect(['STASIS_CKP_DAMAGED', 'STASIS_CKP_FOREIGN', 'STASIS_CKP_VERSION']).toContain(error.code)
        said++
      }
      expect(said, `byte ${at}`).toBeGreaterThan(0)
    }
  }, 120_000)

  test('is not cut by a writer where versions follow the damage', () => {
    const flipped = data.slice()
    flipped[ends[0]! + 20] = 0x77
    const disk = new MemoryCheckpoints(flipped)
    expect(codeOf(() => CheckpointFile.open(disk.open()))).toBe('STASIS_CKP_DAMAGED')
    expect(disk.data.size()).toBe(data.length)
    // Nor does the failure leave a lock.
    expect(codeOf(() => disk.open())).toBe('none')
  })

  test('leaves a region as it is when its version is damaged', () => {
    const flipped = data.slice()
    flipped[ends[2]! - 20] = flipped[ends[2]! - 20]! ^ 1
    const file = CheckpointFile.open(new MemoryCheckpoints(flipped).open())
    const state = new Uint8Array(versions[2]!.length).fill(9)
    const region = file.register('state', state)
    expect(codeOf(() => file.restore(region, 0))).toBe('STASIS_CKP_DAMAGED')
    expect(state.every((byte) => byte === 9)).toBe(true)
    file.restore(region, -1)
    expect(state).toEqual(versions[1])
  })
})

test('20,000 mutations of data and index end in an error or in nothing, within bounds', () => {
  let random = 42
  const next = (limit: number): number => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    return Math.floor((random / 2 ** 32) * limit)
  }
  let opened = 0
  for (let i = 0; i < 20_000; i++) {
    const given = [data.slice(), index.slice()] as const
    // Most of them with right checksums, so that what stands behind those is met as well.
    const isSealed = i % 4 !== 0
    for (let n = 0; n <= next(3); n++) {
      const bytes = given[isSealed ? 0 : next(2)]!
      const heads = [0, ...ends.slice(0, 2)]
      const at = isSealed ? Math.min(bytes.length - 1, (heads[next(3)]! || 32) + next(260)) : next(bytes.length)
      const choices = [0, 1, 0xff, 0x7f, bytes[at]! ^ (1 << next(8)), next(256)]
      bytes[at] = choices[next(choices.length)]!
    }
    if (isSealed) seal(given[0])
    const cut = next(4) === 0 ? given[0].subarray(0, next(data.length)) : given[0]
    const storage = new MemoryCheckpoints(cut, given[1]).open({ readOnly: cut.length > 0 && next(2) === 0 })
    try {
      const file = CheckpointFile.open(storage)
      opened++
      useAll(file)
    } catch (error) {
      if (!isStasisError(error) || error.code === 'STASIS_INVARIANT') throw error
    }
  }
  expect(opened).toBeGreaterThan(1000)
}, 300_000)
