import { expect, test } from 'vitest'
import { provideCompression } from '../../runtime/codec/compression.ts'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { fetchPages, fetchRuns } from '../../runtime/store/session-versions/fetch-pages.ts'
import { readSessionFile } from '../../runtime/store/session-versions/session-file.ts'
import { somePages } from '../checkpoint-file/worlds.ts'
import { random } from '../log/sample-log.ts'
import { readZstd, writeZstd } from '../support/zstd-writer.ts'

const page = 4096
const blob = 'sessions/calc/checkpoints.ckp'
provideCompression({ zstd: writeZstd, unzstd: readZstd })

/** Records of all codecs and sizes: groups that end inside a page, and one that is larger than what is read at a time. */
async function mixedFile() {
  const disk = new MemoryCheckpoints()
  const stored: Uint8Array[] = []
  for (const [i, [codec, count, cut]] of (
    [
      ['stored', 3, 100],
      ['zstd', 70, 0],
      ['stored', 600, 0],
      ['deflate', 5, 0],
      ['stored', 1, 4000],
      ['stored', 40, 1],
    ] as const
  ).entries()) {
    const file = CheckpointFile.open(disk.open(), { codec })
    const bytes = somePages(count, i * 1000).subarray(0, count * page - cut)
    if (codec !== 'stored')
      for (let at = 0; at < bytes.length; at += page) bytes.fill(i * 40 + at / page, at, at + page)
    file.save(file.register(`region ${i}`, bytes))
    file.close()
    for (let at = 0; at < bytes.length; at += page) {
      const whole = new Uint8Array(page)
      whole.set(bytes.subarray(at, at + page))
      stored.push(whole)
    }
  }
  const store = new MemoryStore()
  await store.put(blob, [disk.data.content])
  const { catalog } = (await readSessionFile(store, 'calc'))!
  expect(catalog.pages).toBe(stored.length)
  return { source: { store, blob, catalog }, stored }
}

const isSame = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

test('any pages are found, in runs and one by one, some of them twice', async () => {
  const { source, stored } = await mixedFile()
  const next = random(3)
  for (let round = 0; round < 60; round++) {
    const step = 1 + next(40)
    const pages: number[] = []
    for (let number = 1 + next(5); number <= stored.length; number += next(4) === 0 ? next(3) : 1 + next(step))
      pages.push(number)
    const seen = new Uint8Array(pages.length)
    const check = (bytes: Uint8Array, at: number) => {
      expect(isSame(bytes, stored[pages[at]! - 1]!), `page ${pages[at]} in round ${round}`).toBe(true)
      seen[at]!++
    }
    await fetchRuns(source, pages, (bytes, start, at, count) => {
      for (let i = 0; i < count; i++) check(bytes.subarray(start + i * page, start + (i + 1) * page), at + i)
    })
    await fetchPages(source, pages, check)
    expect(seen.every((count) => count === 2)).toBe(true)
  }
})

test('of a blob that is cut or replaced by less, what is there is given, and the rest is refused or marked', async () => {
  const { source, stored } = await mixedFile()
  const all = Uint32Array.from(stored, (_, i) => i + 1)
  const whole = (await source.store.get(blob))!
  for (const size of [0, 5000, whole.length >> 1, whole.length - 100_000, whole.length - 9]) {
    await source.store.put(blob, [whole.subarray(0, size)])
    let right = 0
    const visit = (bytes: Uint8Array, at: number) => {
      if (isSame(bytes, stored[at]!)) right++
      else expect(bytes.every((byte) => byte === 0xdb)).toBe(true)
    }
    await fetchPages(source, all, visit, { strict: false })
    expect(right).toBeLessThan(stored.length)
    if (size > whole.length >> 2) expect(right).toBeGreaterThan(stored.length / 8)
    await expect(fetchPages(source, all, () => {})).rejects.toMatchObject({ code: 'STASIS_CKP_DAMAGED' })
  }
})
