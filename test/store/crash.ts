import { expect } from 'vitest'
import type { Store } from '../../runtime/store/store.ts'

/**
 * A program that locks a session and then writes for ever: two blobs that are replaced whole, each filled with one byte
 * and of a length that goes with it, one that is renamed into place, and one that is appended to in numbered records.
 */
export function writeForever(imports: string, store: string): string {
  return `
    ${imports}
    const store = ${store}
    await store.lock('calc')
    const records = (await store.get('sessions/calc/data'))?.length ?? 0
    let at = records - (records % 1000)
    const record = () => new Uint8Array(1000).fill((at / 1000) & 0xff)
    process.send('ready')
    for (let n = 1; ; n = (n % 200) + 1) {
      await store.put('sessions/calc/small', [new Uint8Array(n * 10).fill(n), new Uint8Array(n * 10).fill(n)])
      if (n % 3 === 0) await store.put('modules/large', [new Uint8Array((100 + n) * 100_000).fill(n)])
      await store.put('sessions/calc/new', [new Uint8Array(n).fill(n)])
      await store.rename('sessions/calc/new', 'sessions/calc/renamed')
      for (let i = 0; i < 5; i++, at += 1000) await store.append('sessions/calc/data', at, [record()])
    }`
}

/** What may be there after it was killed. */
export async function checkBlobs(store: Store): Promise<void> {
  const found = await store.list('')
  for (const { name, size } of found) {
    const bytes = (await store.get(name))!
    expect(bytes.length).toBe(size)
    if (name === 'sessions/calc/data') {
      const whole = bytes.subarray(0, size - (size % 1000))
      expect(whole.every((byte, i) => byte === (Math.floor(i / 1000) & 0xff))).toBe(true)
      continue
    }
    const value = bytes[0]!
    expect(bytes.every((byte) => byte === value)).toBe(true)
    const lengths: Record<string, number> = {
      'sessions/calc/small': value * 20,
      'modules/large': (100 + value) * 100_000,
      'sessions/calc/new': value,
      'sessions/calc/renamed': value,
    }
    expect(size).toBe(lengths[name])
  }
}
