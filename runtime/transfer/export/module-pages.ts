import { ByteReader } from '../../../wasm-shim/bytes/reader.ts'
import { isStasisError } from '../../../wasm-shim/errors.ts'
import { readModule } from '../../../wasm-shim/module/read.ts'
import type { MemoryState } from '../../engine/engine.ts'
import type { Checkpoint } from '../../image/model.ts'
import { pageSize } from '../../image/pages.ts'

/** Pages that a memory of the first instance shares with the module: [memory, first page, count]. */
export type SharedRun = readonly [memory: number, first: number, count: number]

interface Segment {
  readonly memory: number
  /** Byte of the memory. */
  readonly at: number
  readonly bytes: Uint8Array
}

/**
 * What the module's data segments put into its memories before it runs, a page at a time. Of an interpreter that is most of
 * what its memory ever holds: half of a booted CPython's.
 */
export class InitialPages {
  /** Segments in their order, by memory and page. */
  readonly #segments = new Map<string, Segment[]>()

  /** Where the module cannot be read there are none. */
  constructor(module: Uint8Array) {
    for (const segment of segmentsOf(module)) {
      const last = Math.floor((segment.at + segment.bytes.length - 1) / pageSize)
      for (let page = Math.floor(segment.at / pageSize); page <= last; page++) {
        const key = `${segment.memory} ${page}`
        const known = this.#segments.get(key)
        if (known === undefined) this.#segments.set(key, [segment])
        else known.push(segment)
      }
    }
  }

  page(memory: number, page: number): Uint8Array | undefined {
    const segments = this.#segments.get(`${memory} ${page}`)
    if (segments === undefined) return undefined
    const bytes = new Uint8Array(pageSize)
    for (const segment of segments) {
      const offset = segment.at - page * pageSize
      bytes.set(segment.bytes.subarray(Math.max(0, -offset), pageSize - offset), Math.max(0, offset))
    }
    return bytes
  }
}

function segmentsOf(bytes: Uint8Array): Segment[] {
  try {
    return readModule(bytes).data.flatMap((segment): Segment[] => {
      const at = segment.offset && constantOf(bytes.subarray(segment.offset.start, segment.offset.end))
      const { start, end } = segment.payload
      return at === undefined || start === end
        ? []
        : [{ memory: segment.memory, at, bytes: bytes.subarray(start, end) }]
    })
  } catch (error) {
    if (isStasisError(error)) return []
    throw error
  }
}

/** Of `i32.const n end`; other offsets are not known before the module runs. */
function constantOf(expression: Uint8Array): number | undefined {
  if (expression[0] !== 0x41) return undefined
  const reader = new ByteReader(expression)
  reader.u8()
  const value = reader.s32() >>> 0
  return reader.u8() === 0x0b && reader.remaining === 0 ? value : undefined
}

/** The checkpoint with zeros in the place of the pages that its module has too, and which these are. */
export function withoutModulePages(checkpoint: Checkpoint, module: Uint8Array) {
  const initial = new InitialPages(module)
  const runs: [number, number, number][] = []
  const whole = onFirstMemories(checkpoint, (bytes, memory) => {
    const rest = bytes.slice()
    for (let page = 0; (page + 1) * pageSize <= bytes.length; page++) {
      const known = initial.page(memory, page)
      const own = rest.subarray(page * pageSize, (page + 1) * pageSize)
      if (known === undefined || isZero(known) || !isEqual(own, known)) continue
      own.fill(0)
      const last = runs.at(-1)
      if (last?.[0] === memory && last[1] + last[2] === page) last[2]++
      else runs.push([memory, page, 1])
    }
    return rest
  })
  return { checkpoint: whole, runs: runs as readonly SharedRun[] }
}

/** The inverse. Throws an Error where the runs do not fit. */
export function withModulePages(checkpoint: Checkpoint, runs: readonly SharedRun[], module: Uint8Array): Checkpoint {
  if (runs.length === 0) return checkpoint
  const initial = new InitialPages(module)
  const memories = checkpoint.instances[0]?.memories.length ?? 0
  const wrong = runs.find(([memory]) => memory >= memories)
  if (wrong !== undefined) throw new Error(`it shares pages of a memory ${wrong[0]}, which it does not have`)
  return onFirstMemories(checkpoint, (bytes, memory) => {
    const whole = bytes.slice()
    for (const [, first, count] of runs.filter((run) => run[0] === memory)) {
      if ((first + count) * pageSize > whole.length) throw new Error('it shares pages behind the end of a memory')
      for (let page = first; page < first + count; page++) {
        const known = initial.page(memory, page)
        const own = whole.subarray(page * pageSize, (page + 1) * pageSize)
        if (known === undefined || !isZero(own)) throw new Error(`page ${page} cannot be shared with the module`)
        own.set(known)
      }
    }
    return whole
  })
}

function onFirstMemories(
  checkpoint: Checkpoint,
  change: (bytes: Uint8Array, memory: number) => Uint8Array,
): Checkpoint {
  const [first, ...others] = checkpoint.instances
  if (first === undefined) return checkpoint
  const memories = first.memories.map(({ bytes }, memory): MemoryState => ({ bytes: change(bytes, memory) }))
  return { ...checkpoint, instances: [{ ...first, memories }, ...others] }
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}
