import { ValType, type WasmModule } from '../../wasm-shim/module/model.ts'
import type { InstanceState } from '../engine/engine.ts'
import type { ObservedState } from '../engine/log-only.ts'
import { checksum } from '../image/checksum.ts'

/** What of a program's state both engines can show: all memories, and the mutable globals that the module exports. */
export interface StateDigest {
  readonly memories: readonly MemoryDigest[]
  /** As text, by index. */
  readonly globals: ReadonlyMap<number, string>
}

interface MemoryDigest {
  /** Bytes. */
  readonly size: number
  /** XXH64 of each page. */
  readonly pages: Uint8Array
}

const pageSize = 65_536
const checksumSize = 8

function digestMemory(bytes: Uint8Array): MemoryDigest {
  const pages = new Uint8Array(Math.ceil(bytes.length / pageSize) * checksumSize)
  for (let at = 0, page = 0; at < bytes.length; at += pageSize, page += checksumSize) {
    pages.set(checksum(bytes.subarray(at, at + pageSize)), page)
  }
  return { size: bytes.length, pages }
}

export function digestObserved({ memories, globals }: ObservedState): StateDigest {
  return {
    memories: memories.map(digestMemory),
    globals: new Map([...globals].map(([index, value]) => [index, String(value)])),
  }
}

/** Of a checkpoint's instance. Numbers as JavaScript gives them, which has one NaN. */
export function digestInstance(module: WasmModule, { memories, globals }: InstanceState): StateDigest {
  return { memories: memories.map(({ bytes }) => digestMemory(bytes)), globals: exportedGlobals(module, globals) }
}

/** Among the words of all mutable globals, in the order of their indices (docs/format.md). */
function exportedGlobals(module: WasmModule, words: Uint32Array): ReadonlyMap<number, string> {
  const exported = new Set(module.exports.filter(({ kind }) => kind === 'global').map(({ index }) => index))
  const values = new Map<number, string>()
  let at = 0
  for (const [index, { type, mutable }] of module.globals.entries()) {
    if (!mutable) continue
    const value = numberIn(type, words.slice(at, at + 2))
    if (value !== undefined && exported.has(index)) values.set(index, String(value))
    at += wordsOf(type)
  }
  return values
}

function wordsOf(type: ValType): number {
  if (type === ValType.v128) return 4
  return type === ValType.i64 || type === ValType.f64 ? 2 : 1
}

function numberIn(type: ValType, words: Uint32Array): number | bigint | undefined {
  switch (type) {
    case ValType.i32:
      return words[0]! | 0
    case ValType.i64:
      return new BigInt64Array(words.buffer)[0]
    case ValType.f32:
      return new Float32Array(words.buffer)[0]
    case ValType.f64:
      return new Float64Array(words.buffer)[0]
    default:
      return undefined
  }
}

/** What is not as expected, as clauses; none where all is the same. Globals that `expected` lacks do not count. */
export function compareDigests(expected: StateDigest, actual: StateDigest): readonly string[] {
  const differences: string[] = []
  if (expected.memories.length !== actual.memories.length) {
    differences.push(`there are ${actual.memories.length} memories instead of ${expected.memories.length}`)
  }
  expected.memories.forEach((memory, index) => {
    const difference = compareMemories(memory, actual.memories[index] ?? memory)
    if (difference !== undefined) differences.push(`memory ${index} ${difference}`)
  })
  for (const [index, value] of expected.globals) {
    const other = actual.globals.get(index)
    if (other !== value) differences.push(`global ${index} is ${other} instead of ${value}`)
  }
  return differences
}

function compareMemories(expected: MemoryDigest, actual: MemoryDigest): string | undefined {
  if (expected.size !== actual.size) return `has ${actual.size} bytes instead of ${expected.size}`
  const different: number[] = []
  for (let page = 0; page < expected.pages.length; page += checksumSize) {
    const own = expected.pages.subarray(page, page + checksumSize)
    if (own.some((byte, i) => byte !== actual.pages[page + i])) different.push(page / checksumSize)
  }
  if (different.length === 0) return undefined
  const first = (different[0]! * pageSize).toString(16)
  return `differs in ${different.length} of ${expected.pages.length / checksumSize} pages of 64 KiB, the first at 0x${first}`
}
