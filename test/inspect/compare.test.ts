import { describe, expect, test } from 'vitest'
import { diffCheckpoints } from '../../runtime/inspect/checkpoint-diff.ts'
import { reportCheckpoint } from '../../runtime/inspect/checkpoint-report.ts'
import { mapMemory, sumOf } from '../../runtime/inspect/memory-map.ts'
import { encodeInitialState } from '../../wasm-shim/wasi/save.ts'
import { sampleCheckpoint } from '../image/sample.ts'

const page = 4096

describe('a map of a memory', () => {
  const memory = new Uint8Array(64 * page)
  memory[0] = 1
  memory[10 * page + 5] = 1
  memory[63 * page + 4095] = 1

  test('counts the pages that are not zero, cell by cell', () => {
    const { pages, pagesPerCell, used, changed } = mapMemory(memory, undefined, 16)
    expect([pages, pagesPerCell, used.length]).toEqual([64, 4, 16])
    expect([used[0], used[2], used[15], sumOf(used)]).toEqual([1, 1, 1, 3])
    expect(changed).toBeUndefined()
  })

  test('counts the pages that have changed, and those that were not there', () => {
    const before = memory.slice(0, 32 * page)
    before[0] = 2
    before[20 * page] = 1
    const { changed } = mapMemory(memory, before, 64)
    expect([...changed!.entries()].filter(([, count]) => count > 0).map(([cell]) => cell)).toEqual([0, 20, 63])
  })

  test('takes a view at any byte, and an empty memory', () => {
    const odd = new Uint8Array(2 * page + 1).subarray(1)
    odd[page] = 1
    expect([...mapMemory(odd, undefined, 8).used]).toEqual([0, 1])
    expect(mapMemory(new Uint8Array(0), undefined, 8).used.length).toBe(0)
  })
})

test('the difference of two checkpoints tells calls, time, frames and memory', () => {
  const kernel = encodeInitialState(['calc'], [], [])
  const sample = { ...sampleCheckpoint(), kernel }
  const [stack] = sample.stacks
  const frames = [{ instance: 0, site: 77, words: Uint32Array.of(1) }, stack!.frames[1]!]
  const later = {
    ...sample,
    calls: sample.calls + 10,
    time: sample.time + 500,
    stacks: [{ ...stack!, frames }],
    instances: [{ ...sample.instances[0]!, memories: [{ bytes: new Uint8Array(4 * 65536) }] }],
  }
  const report = (checkpoint: typeof sample) => reportCheckpoint({ checkpoint, location: '', size: 1 })
  const diff = diffCheckpoints(report(sample), report(later))
  expect([diff.calls, diff.milliseconds, diff.grown]).toEqual([10, 500, 0])
  expect(diff.stack.same).toBe(1)
  expect(diff.stack.left.map(({ site }) => site)).toEqual([64_850])
  expect(diff.stack.entered.map(({ site }) => site)).toEqual([77])
  expect(diff.descriptors).toEqual({ opened: [], closed: [], moved: [] })
})
