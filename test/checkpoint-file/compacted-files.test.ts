// What a compaction does to the two files, and to those who have the old ones open.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCheckpointFile } from '../../host-node/checkpoint-file-host.ts'
import { somePages } from './worlds.ts'

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'stasis-compact-')), 'state.ckp')
})
afterEach(() => rmSync(join(path, '..'), { recursive: true }))

function save(count: number): ReturnType<typeof openCheckpointFile> {
  const file = openCheckpointFile(path)
  const state = somePages(20, 1)
  const region = file.register('state', state)
  for (let version = 1; version <= count; version++) {
    state.set(somePages(3, version), version * 4096)
    file.save(region)
  }
  return file
}

test('the fresh data gets an index of its own, and the old two stay as they are for who has them open', () => {
  const file = save(6)
  const old = [path, `${path}.index`].map((name) => ({ fd: openSync(name, 'r'), bytes: readFileSync(name) }))
  file.compact({ keep: 2 })
  for (const { fd, bytes } of old) {
    expect(Buffer.compare(readFileSync(fd), bytes)).toBe(0)
    closeSync(fd)
  }
  expect(Buffer.compare(readFileSync(`${path}.index`), old[1]!.bytes)).not.toBe(0)
  const index = readFileSync(`${path}.index`)
  file.close()
  rmSync(`${path}.index`)
  openCheckpointFile(path).close()
  expect(Buffer.compare(readFileSync(`${path}.index`), index)).toBe(0)
})

test('an index of the old data beside the fresh data, as a crash between the two leaves it, is not believed', () => {
  const file = save(6)
  const index = readFileSync(`${path}.index`)
  file.compact({ keep: 2 })
  const expected = [5, 6].map((version) => file.read('state', version))
  const fresh = readFileSync(`${path}.index`)
  file.close()
  writeFileSync(`${path}.index`, index)
  for (const readOnly of [true, false]) {
    const again = openCheckpointFile(path, { readOnly })
    expect(again.versions().map(({ version }) => version)).toEqual([5, 6])
    expect([5, 6].map((version) => Buffer.compare(again.read('state', version), expected[version - 5]!))).toEqual([
      0, 0,
    ])
    again.verify()
    again.close()
  }
  expect(Buffer.compare(readFileSync(`${path}.index`), fresh)).toBe(0)
})
