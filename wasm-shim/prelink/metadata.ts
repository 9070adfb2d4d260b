/**
 * What later stages must know of a pre-linked module, kept in its custom section `stasis.prelink` so that a cached file
 * needs nothing beside it. CBOR; lists of numbers as LEB128 bytes.
 */
import { decode, encode } from 'cborg'
import { ByteReader } from '../bytes/reader.ts'
import { ByteWriter } from '../bytes/writer.ts'
import { StasisError } from '../errors.ts'
import type { ValType } from '../module/model.ts'
import type { SegmentUse } from './call-graph.ts'
import type { PollMode } from './index.ts'

/** Raised whenever site numbers or saved values of an unchanged module can change: images name it. */
export const prelinkVersion = 1

export const metadataSection = 'stasis.prelink'

export interface PrelinkedImport {
  readonly module: string
  readonly name: string
  /** The name to link it under: another one only where a name is imported twice with different types. */
  readonly link: string
  readonly params: readonly ValType[]
  readonly results: readonly ValType[]
}

export interface PrelinkMetadata {
  readonly version: number
  readonly polls: PollMode
  readonly exceptions: 'legacy' | 'exnref'
  /** What the added exports' names start with. */
  readonly prefix: string
  /** Function imports in index order. */
  readonly imports: readonly PrelinkedImport[]
  readonly functions: number
  readonly memories: number
  /** One byte a guest table: must its elements be saved? */
  readonly tables: Uint8Array
  readonly globals: number
  readonly tags: number
  readonly hasStart: boolean
  /** Functions a capture can pass through, one byte a function, and type indices of such indirect calls. */
  readonly mayUnwind: Uint8Array
  readonly indirectMayUnwind: Uint8Array
  /** Number of the first site of each function of the index space, and the total at the end. */
  readonly firstSite: Uint32Array
  /** Of each function with polls, one byte a loop: 1 where a poll stands. */
  readonly pollLoops: readonly (Uint8Array | undefined)[]
  /** Helper function for each segment instruction. */
  readonly segmentHelpers: readonly (SegmentUse & { readonly func: number })[]
}

function packNumbers(numbers: ArrayLike<number>): Uint8Array {
  const out = new ByteWriter(numbers.length + 8)
  for (let i = 0; i < numbers.length; i++) out.u32(numbers[i] as number)
  return out.finish()
}

function unpackNumbers(bytes: Uint8Array): Uint32Array {
  const reader = new ByteReader(bytes)
  const numbers = new Uint32Array(bytes.length)
  let count = 0
  while (reader.pos < reader.end) numbers[count++] = reader.u32()
  return numbers.slice(0, count)
}

/** One bit an entry: flags of 100,000 functions are 12 KB. */
function packFlags(flags: Uint8Array): { count: number; bits: Uint8Array } {
  const bits = new Uint8Array((flags.length + 7) >>> 3)
  flags.forEach((flag, i) => {
    if (flag) bits[i >>> 3] = (bits[i >>> 3] as number) | (1 << (i & 7))
  })
  return { count: flags.length, bits }
}

function unpackFlags(packed: { count: number; bits: Uint8Array }): Uint8Array {
  if (packed.count > packed.bits.length * 8) throw new RangeError('flags are cut short')
  const flags = new Uint8Array(packed.count)
  for (let i = 0; i < flags.length; i++) flags[i] = ((packed.bits[i >>> 3] as number) >>> (i & 7)) & 1
  return flags
}

function packLoops(loops: PrelinkMetadata['pollLoops']): Uint8Array {
  const out = new ByteWriter(loops.length)
  loops.forEach((flags, func) => {
    if (flags === undefined) return
    out.u32(func)
    out.u32(flags.length)
    out.bytes(packFlags(flags).bits)
  })
  return out.finish()
}

function unpackLoops(bytes: Uint8Array): (Uint8Array | undefined)[] {
  const reader = new ByteReader(bytes)
  const loops: (Uint8Array | undefined)[] = []
  while (reader.pos < reader.end) {
    const func = reader.u32()
    const count = reader.u32()
    const start = reader.skip((count + 7) >>> 3)
    loops[func] = unpackFlags({ count, bits: bytes.subarray(start, reader.pos) })
  }
  return loops
}

export function encodeMetadata(metadata: PrelinkMetadata): Uint8Array {
  const siteCounts = metadata.firstSite.subarray(1).map((first, i) => first - (metadata.firstSite[i] as number))
  return encode({
    ...metadata,
    mayUnwind: packFlags(metadata.mayUnwind),
    indirectMayUnwind: packFlags(metadata.indirectMayUnwind),
    firstSite: packNumbers(siteCounts),
    pollLoops: packLoops(metadata.pollLoops),
  })
}

/** Throws STASIS_PRELINK_DAMAGED for bytes that this version did not write. */
export function decodeMetadata(bytes: Uint8Array): PrelinkMetadata {
  try {
    const raw = decode(bytes)
    if (raw.version !== prelinkVersion) throw new RangeError(`pre-linker version ${raw.version}, not ${prelinkVersion}`)
    const siteCounts = unpackNumbers(raw.firstSite)
    const firstSite = new Uint32Array(siteCounts.length + 1)
    for (let i = 0; i < siteCounts.length; i++) firstSite[i + 1] = (firstSite[i] as number) + (siteCounts[i] as number)
    return {
      ...raw,
      mayUnwind: unpackFlags(raw.mayUnwind),
      indirectMayUnwind: unpackFlags(raw.indirectMayUnwind),
      firstSite,
      pollLoops: unpackLoops(raw.pollLoops),
    }
  } catch (cause) {
    throw new StasisError(
      'STASIS_PRELINK_DAMAGED',
      `The module's '${metadataSection}' section cannot be used: ${(cause as Error).message}. Pre-link the original module again.`,
      {},
      { cause },
    )
  }
}
