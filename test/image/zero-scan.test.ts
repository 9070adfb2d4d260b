import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import load from 'wabt'
import { scanPages } from '../../runtime/image/pages.ts'
import { scanMemory, zeroScanModule } from '../../runtime/image/zero-scan.ts'

test('the scanner is its text', async () => {
  const source = readFileSync(new URL('../../runtime/image/zero-scan.ts', import.meta.url), 'utf8')
  const text = /^ \* {3}\(module[\s\S]*?(?=\n \*\/)/m.exec(source)![0].replace(/^ \* {3}/gm, '')
  const module = (await load()).parseWat('zero-scan.wat', text)
  expect([...zeroScanModule]).toEqual([...new Uint8Array(module.toBinary({}).buffer)])
})

test('a memory is scanned like its bytes', () => {
  const memory = new WebAssembly.Memory({ initial: 3 })
  const bytes = new Uint8Array(memory.buffer)
  expect(scanMemory(memory, bytes)).toEqual(scanPages(bytes))
  // Each of a page's first 64 bytes, the last byte of a page and of the memory, neighbouring pages and the 32nd.
  const places = [
    ...Array.from({ length: 64 }, (_, i) => 4096 + i),
    8191,
    3 * 65536 - 1,
    8192,
    31 * 4096,
    32 * 4096 + 77,
  ]
  for (const place of places) {
    bytes.fill(0)
    bytes[place] = 1
    const pages = scanMemory(memory, bytes)
    expect(pages).toEqual(scanPages(bytes))
    expect(pages?.dataLength).toBe(4096)
  }
  bytes.fill(255)
  expect(scanMemory(memory, bytes)).toEqual(scanPages(bytes))
})

test('the last page below four gigabytes is scanned', () => {
  const memory = new WebAssembly.Memory({ initial: 65536 })
  const bytes = new Uint8Array(memory.buffer)
  bytes[2 ** 32 - 1] = 1
  expect(scanMemory(memory, bytes)?.dataLength).toBe(4096)
}, 30_000)

test('a memory that cannot be imported, and bytes that are not all of it, are left to others', () => {
  const shared = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
  expect(scanMemory(shared, new Uint8Array(shared.buffer))).toBeUndefined()
  const memory = new WebAssembly.Memory({ initial: 1 })
  expect(scanMemory(memory, new Uint8Array(memory.buffer, 0, 4096))).toBeUndefined()
  expect(scanMemory(memory, new Uint8Array(65536))).toBeUndefined()
})
