// Checkpoint files of every format version restore for ever.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { PageCodec } from '../../runtime/codec/compression.ts'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import { writable } from '../support/codecs.ts'
import { memoryWorld, somePages } from './worlds.ts'

const read = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../golden/${name}`, import.meta.url)))
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Pages that stay, change, are zeros, compressed, shared and cut; three versions, of which the first was removed. */
function write(packed: PageCodec = 'deflate'): {
  data: Uint8Array
  index: Uint8Array
  states: Uint8Array[]
  counters: Uint8Array[]
} {
  const world = memoryWorld()
  const state = new Uint8Array(5 * 4096 + 77)
  const counter = new Uint8Array(8)
  const states: Uint8Array[] = []
  const counters: Uint8Array[] = []
  for (const [i, codec] of (['stored', 'stored', packed, 'stored'] as const).entries()) {
    const file = world.open({ codec })
    const region = file.register('state', state)
    state.set(somePages(1, 1))
    state.fill(i, 4096, 3 * 4096)
    state.set(somePages(1, i % 2).subarray(0, 77), 5 * 4096)
    counter[0] = i
    file.register('zähler', counter)
    if (i === 1) file.save(region, { note: new TextEncoder().encode('only the state') })
    else file.saveAll()
    states.push(state.slice())
    if (i !== 1) counters.push(counter.slice())
    if (i === 1) file.compact({ keep: 1 })
    file.close()
  }
  return { data: world.data(), index: world.index(), states, counters }
}

test.each([
  ['checkpoint-file-v1.ckp', 'with its index'],
  ['checkpoint-file-v1.ckp', 'without'],
  ['checkpoint-file-v1-zstd.ckp', 'with its index'],
  ['checkpoint-file-v1-zstd.ckp', 'without'],
])('a file of format version 1 restores: %s, %s', (name, how) => {
  const { states, counters } = write()
  const disk = new MemoryCheckpoints(read(name), how === 'without' ? undefined : read(`${name}.index`))
  const file = CheckpointFile.open(disk.open({ readOnly: true }))
  if (name.includes('zstd') && !writable.includes('zstd')) {
    expect(() => file.read('state', 3)).toThrow(expect.objectContaining({ code: 'STASIS_CODEC' }))
    return
  }
  file.verify()
  expect(file.versions().map(({ version }) => version)).toEqual([2, 3, 4])
  expect(new TextDecoder().decode(file.versions()[0]!.note)).toBe('only the state')
  for (const version of [2, 3, 4]) expect(isSame(file.read('state', version), states[version - 1]!)).toBe(true)
  for (const version of [1, 2, 3]) expect(isSame(file.read('zähler', version), counters[version - 1]!)).toBe(true)
})

test('the same saves give the same bytes', () => {
  const { data, index } = write()
  expect(isSame(data, write().data)).toBe(true)
  expect(isSame(data, read('checkpoint-file-v1.ckp'))).toBe(true)
  expect(isSame(index, read('checkpoint-file-v1.ckp.index'))).toBe(true)
})
