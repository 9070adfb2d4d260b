/**
 * Which bytes of guest memory a call takes in and which the host has written, from the ABI table (D6). Recorder, replayer
 * and views share it. Arguments are words: two a wasm parameter, low word first.
 */
import { type Param, type Row, type Size, wasmParameters } from './abi.ts'
import { type GuestMemory, maxPath, maxVectors } from './guest-memory.ts'
import { sizeOf } from './record.ts'

/** More room than this for a preopen's name is not looked at; the kernel never has a longer one. */
const maxName = 65_536
/** More strings than this are no argument list. */
const maxStrings = 1 << 20

/** Ranges of guest memory, in order; reused from call to call. */
export class Ranges {
  count = 0
  /** Sum of the lengths. */
  total = 0
  pointers: Uint32Array = new Uint32Array(4)
  lengths: Uint32Array = new Uint32Array(4)

  clear(): void {
    this.count = 0
    this.total = 0
  }

  add(pointer: number, length: number): void {
    if (length === 0) return
    if (this.count === this.pointers.length) this.#grow()
    this.pointers[this.count] = pointer
    this.lengths[this.count] = length
    this.count++
    this.total += length
  }

  #grow(): void {
    const { pointers, lengths } = this
    this.pointers = new Uint32Array(this.count * 4)
    this.lengths = new Uint32Array(this.count * 4)
    this.pointers.set(pointers)
    this.lengths.set(lengths)
  }

  /** The bytes in one piece, at most `limit` of them. */
  gather(memory: GuestMemory, limit = this.total): Uint8Array {
    const bytes = new Uint8Array(Math.min(limit, this.total))
    let at = 0
    for (let i = 0; i < this.count && at < bytes.length; i++) {
      const start = this.pointers[i]!
      const length = Math.min(this.lengths[i]!, bytes.length - at)
      bytes.set(memory.bytes.subarray(start, start + length), at)
      at += length
    }
    return bytes
  }
}

/** A result's out-pointer (number of the wasm parameter) and where its value lies among the result words. */
interface ResultPlace {
  readonly pointer: number
  readonly word: number
  /** In memory. A result takes one word for every four bytes begun. */
  readonly bytes: number
}

/** Where a length comes from, in numbers of wasm parameters and result words. */
type Length =
  | { readonly from: 'parameter'; readonly index: number; readonly bytes: number; readonly max: number }
  | { readonly from: 'result'; readonly word: number; readonly bytes: number }

type Access =
  | { readonly kind: 'bytes'; readonly pointer: number; readonly length: Length }
  | { readonly kind: 'vectors'; readonly pointer: number; readonly used: Length | undefined }
  /** Zero-terminated strings one after the other, and an array of their addresses. */
  | { readonly kind: 'strings'; readonly pointers: number; readonly buffer: number }

export interface AccessPlan {
  readonly inputs: readonly Access[]
  readonly outputs: readonly Access[]
  readonly results: readonly ResultPlace[]
  /** 32-bit words that all results take. */
  readonly resultWords: number
}

/** `vectors`: whether bytes to be written (fd_write, sock_send) count as inputs; paths and subscriptions always do. */
export function accessPlan(row: Row, vectors: boolean): AccessPlan {
  const indices = new Map<string, number>()
  let index = 0
  for (const param of row.params) {
    indices.set(param.name, index)
    const pair = param.kind === 'string' || param.kind === 'vectors' || param.kind === 'buffer'
    if (pair) indices.set(`${param.name}_len`, index + 1)
    index += pair ? 2 : 1
  }
  let word = 0
  const results = row.results.map((result, number): ResultPlace => {
    const bytes = sizeOf(result)
    const place = { pointer: wasmParameters(row).length - row.results.length + number, word, bytes }
    word += (bytes + 3) >> 2
    return place
  })
  const lengthOf = (size: Size, own: number): Length => {
    switch (size.from) {
      case 'parameter':
        return { from: 'parameter', index: indices.get(size.name)!, bytes: size.bytes, max: 0xffff_ffff }
      case 'result':
        return {
          from: 'result',
          word: results[row.results.findIndex(({ name }) => name === size.name)]!.word,
          bytes: size.bytes,
        }
      case 'state':
        return { from: 'parameter', index: own + 1, bytes: 1, max: maxName }
      case 'constant':
      case 'vectors':
        throw new Error(`no call has a parameter of a size from ${size.from}`)
    }
  }
  const accessOf = (param: Param, number: number): { input?: Access; output?: Access } => {
    const at = indices.get(param.name)!
    switch (param.kind) {
      case 'fd':
      case 'scalar':
        return {}
      case 'string': {
        const length: Length = { from: 'parameter', index: at + 1, bytes: 1, max: maxPath }
        return { input: { kind: 'bytes', pointer: at, length } }
      }
      case 'vectors':
        if (param.direction === 'out') {
          return { output: { kind: 'vectors', pointer: at, used: lengthOf(param.used, at) } }
        }
        return vectors ? { input: { kind: 'vectors', pointer: at, used: undefined } } : {}
      case 'buffer':
        return { output: { kind: 'bytes', pointer: at, length: lengthOf(param.used, at) } }
      case 'pointer': {
        if (param.direction === 'in') return { input: { kind: 'bytes', pointer: at, length: lengthOf(param.size, at) } }
        if (param.size.from !== 'state') {
          return { output: { kind: 'bytes', pointer: at, length: lengthOf(param.used, at) } }
        }
        // The array of addresses comes first and its strings next: one access for both.
        return number === 0 ? { output: { kind: 'strings', pointers: at, buffer: at + 1 } } : {}
      }
    }
  }
  const accesses = row.params.map(accessOf)
  return {
    inputs: accesses.flatMap(({ input }) => input ?? []),
    outputs: accesses.flatMap(({ output }) => output ?? []),
    results,
    resultWords: word,
  }
}

/**
 * One import's accesses. `before` the call, `after` it: what lies in memory in between belongs to the host. Never throws:
 * ranges outside of memory are left out, since the call answers them with EFAULT.
 */
export class CallAccess {
  readonly plan: AccessPlan
  readonly inputs: Ranges = new Ranges()
  readonly outputs: Ranges = new Ranges()
  readonly #memory: GuestMemory
  /** The iovecs as they were before the call, which may read into them. */
  readonly #vectors = new Ranges()
  readonly #looksBefore: boolean
  /** Of each result: slot word of its pointer, word among the results, bytes. */
  readonly #results: Uint16Array

  constructor(row: Row, memory: GuestMemory, vectors: boolean) {
    this.plan = accessPlan(row, vectors)
    this.#looksBefore = this.plan.inputs.length > 0 || this.plan.outputs.some(({ kind }) => kind === 'vectors')
    this.#memory = memory
    this.#results = Uint16Array.from(
      this.plan.results.flatMap(({ pointer, word, bytes }) => [pointer * 2, word, bytes]),
    )
  }

  /** Finds `inputs`, and remembers where a scattered read will write. */
  before(words: Int32Array): void {
    this.inputs.clear()
    this.outputs.clear()
    if (!this.#looksBefore) return
    for (const access of this.plan.inputs) {
      if (access.kind === 'bytes')
        this.#add(this.inputs, access.pointer, this.#length(access.length, words, words), words)
      else if (access.kind === 'vectors') this.#readVectors(access.pointer, words, this.inputs)
    }
    for (const access of this.plan.outputs) {
      if (access.kind !== 'vectors') continue
      this.#vectors.clear()
      this.#readVectors(access.pointer, words, this.#vectors)
    }
  }

  /**
   * Finds `outputs` of a call that has succeeded; one that failed has written nothing. `results` holds its result words
   * from index `at`. A replayer gives the recorded bytes, where memory does not hold them yet.
   */
  after(words: Int32Array, results: Int32Array, at: number, recorded?: Uint8Array): void {
    const { outputs } = this
    outputs.clear()
    for (const access of this.plan.outputs) {
      switch (access.kind) {
        case 'bytes':
          this.#add(outputs, access.pointer, this.#length(access.length, words, results, at), words)
          break
        case 'vectors':
          this.#scatter(this.#length(access.used!, words, results, at))
          break
        case 'strings':
          this.#strings(words[access.pointers * 2]! >>> 0, words[access.buffer * 2]! >>> 0, recorded)
          break
      }
    }
  }

  /** Copies the results of a call that has succeeded from memory. */
  readResults(words: Int32Array, target: Int32Array, at: number): void {
    const memory = this.#memory
    const results = this.#results
    for (let i = 0; i < results.length; i += 3) {
      const start = words[results[i]!]! >>> 0
      const word = at + results[i + 1]!
      const bytes = results[i + 2]!
      if (!memory.fits(start, bytes)) continue
      const { view } = memory
      if (bytes === 1) target[word] = view.getUint8(start)
      else if (bytes === 2) target[word] = view.getUint16(start, true)
      else for (let done = 0; done < bytes; done += 4) target[word + (done >> 2)] = view.getInt32(start + done, true)
    }
  }

  /** The reverse of `readResults`; false where one lies outside of memory. */
  writeResults(words: Int32Array, source: Int32Array, at: number): boolean {
    const memory = this.#memory
    const results = this.#results
    for (let i = 0; i < results.length; i += 3) {
      const start = words[results[i]!]! >>> 0
      const word = at + results[i + 1]!
      const bytes = results[i + 2]!
      if (!memory.fits(start, bytes)) return false
      const { view } = memory
      if (bytes === 1) view.setUint8(start, source[word]!)
      else if (bytes === 2) view.setUint16(start, source[word]!, true)
      else for (let done = 0; done < bytes; done += 4) view.setInt32(start + done, source[word + (done >> 2)]!, true)
    }
    return true
  }

  #length(length: Length, words: Int32Array, results: Int32Array, at = 0): number {
    return length.from === 'parameter'
      ? Math.min((words[length.index * 2]! >>> 0) * length.bytes, length.max)
      : (results[at + length.word]! >>> 0) * length.bytes
  }

  #add(ranges: Ranges, pointer: number, length: number, words: Int32Array): void {
    const start = words[pointer * 2]! >>> 0
    if (this.#memory.fits(start, length)) ranges.add(start, length)
  }

  #readVectors(pointer: number, words: Int32Array, ranges: Ranges): void {
    const memory = this.#memory
    const start = words[pointer * 2]! >>> 0
    const count = words[pointer * 2 + 2]! >>> 0
    if (count > maxVectors || !memory.fits(start, count * 8)) return
    for (let at = start; at < start + count * 8; at += 8) {
      const base = memory.view.getUint32(at, true)
      const length = memory.view.getUint32(at + 4, true)
      if (!memory.fits(base, length)) return
      ranges.add(base, length)
      // Vectors that overlap may claim more than there is memory; the call refuses them.
      if (ranges.total > 0xffff_ffff) {
        ranges.clear()
        return
      }
    }
  }

  #scatter(used: number): void {
    let left = used
    for (let i = 0; i < this.#vectors.count && left > 0; i++) {
      const length = Math.min(left, this.#vectors.lengths[i]!)
      this.outputs.add(this.#vectors.pointers[i]!, length)
      left -= length
    }
  }

  /**
   * First the strings, then their addresses: so a replayer can tell from the recorded bytes how many there are. A program
   * that lets them overlap, and so can use neither, is not followed.
   */
  #strings(pointers: number, buffer: number, recorded: Uint8Array | undefined): void {
    const memory = this.#memory
    let count = 0
    let length = 0
    if (recorded !== undefined) {
      while (length + count * 4 < recorded.length) if (recorded[length++] === 0) count++
    } else {
      while (count < maxStrings && memory.fits(pointers + count * 4, 4)) {
        // After the last address may lie anything; taking in more than was written does no harm.
        if (memory.view.getUint32(pointers + count * 4, true) !== buffer + length) break
        const end = memory.bytes.indexOf(0, buffer + length)
        if (end < 0) break
        length = end + 1 - buffer
        count++
      }
    }
    if (memory.fits(buffer, length)) this.outputs.add(buffer, length)
    if (memory.fits(pointers, count * 4)) this.outputs.add(pointers, count * 4)
  }
}
