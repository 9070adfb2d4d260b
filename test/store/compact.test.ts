// A file that is written anew is the old one or the fresh one at every instant, and its index never tells of the other.
import { expect, test } from 'vitest'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { listVersions, loadCheckpoint, removeVersions, saveCheckpoint } from '../../runtime/store/checkpoints.ts'
import { compactSession } from '../../runtime/store/gc.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { tinyCheckpoint } from '../image/sample.ts'

const data = 'sessions/calc/checkpoints.ckp'
const index = 'sessions/calc/checkpoints.cki'

/** A process that dies before its n-th change of the store. */
class DyingStore extends MemoryStore {
  left = Number.POSITIVE_INFINITY
  readonly changes: string[] = []

  #change(what: string): void {
    if (this.left-- <= 0) throw new Error('dead')
    this.changes.push(what)
  }
  override async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    this.#change(`put ${name}`)
    return super.put(name, parts)
  }
  override async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    this.#change(`append ${name}`)
    return super.append(name, at, parts)
  }
  override async delete(name: string): Promise<boolean> {
    this.#change(`delete ${name}`)
    return super.delete(name)
  }
  override async rename(from: string, to: string): Promise<boolean> {
    this.#change(`rename ${from} ${to}`)
    if (to === data)
      expect(await this.get(index), 'the index of the old data, when the fresh data comes').toBeUndefined()
    return super.rename(from, to)
  }
}

const images = Array.from({ length: 6 }, (_, i) => {
  const memory = new Uint8Array(40 * 4096)
  for (let at = 0; at < memory.length; at++) memory[at] = (Math.imul(at + i * 7919, 2654435761) >>> 24) & 255
  const sample = tinyCheckpoint()
  return encodeCheckpoint({ ...sample, instances: [{ ...sample.instances[0]!, memories: [{ bytes: memory }] }] })
})

test('a compaction that dies before any of its changes leaves all versions, and no damage', async () => {
  for (let allowed = 0; ; allowed++) {
    const store = new DyingStore()
    for (const image of images) await saveCheckpoint(store, 'calc', [image])
    await removeVersions(store, 'calc', ({ version }) => version === 2)
    store.left = allowed
    const isOver = await compactSession(store, 'calc').then(
      () => true,
      (error) => {
        if (error.message !== 'dead') throw error
        return false
      },
    )
    store.left = Number.POSITIVE_INFINITY
    const listed = await listVersions(store, 'calc')
    expect(listed.map(({ version, content }) => `${version} ${content.kind}`)).toEqual(
      [1, 3, 4, 5, 6].map((version) => `${version} intact`),
    )
    for (const version of [1, 3, 4, 5, 6]) {
      const { bytes } = await loadCheckpoint(store, { name: 'calc', version })
      expect(Buffer.compare(bytes, images[version - 1]!)).toBe(0)
    }
    expect(await saveCheckpoint(store, 'calc', [images[0]!])).toBe(7)
    if (!isOver) continue
    expect(store.changes.filter((change) => /delete .*cki|rename/.test(change)).slice(-2)).toEqual([
      `delete ${index}`,
      `rename sessions/calc/checkpoints.new ${data}`,
    ])
    return
  }
})
