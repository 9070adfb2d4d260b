import { hex } from '../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { Ranges } from '../../wasm-shim/wasi/host-writes.ts'
import { type ChunkStore, chunkAddress } from './chunks.ts'
import { seal } from './frame.ts'
import { encodeFunctions, type LoggedFunction, type WordPlan, wordPlan } from './functions.ts'
import { encodeHeader } from './header.ts'
import {
  addressSize,
  chunkSize,
  FrameType,
  frameHead,
  frameTail,
  Mark,
  maskWords,
  maxBlock,
  maxFunctions,
  maxInline,
  RecordKind,
} from './layout.ts'

export interface LogWriterOptions {
  /** The session's identity, a UUID. */
  readonly session: string
  /**
   * Takes the log's bytes in order: the header, then whole blocks. A block is valid during the call only. Where there
   * is no room the sink waits; when it throws, the block was not taken and is offered again by the next `commit`.
   */
  readonly sink: (block: Uint8Array) => void
  /** Where payloads above `inlineLimit` go. */
  readonly chunks: ChunkStore
  /** Bytes; default 128 KiB, at most 256 KiB. */
  readonly inlineLimit?: number
  /** Bytes after which a block is full, and after which a reader finds another place to start. Default 64 KiB, at most 256 KiB. */
  readonly blockSize?: number
  /** Bits of `Quirk`. */
  readonly quirks?: number
  /** Number of the first call. Default 0. */
  readonly firstCall?: number
  /** Goes on at the end of a log that was read: no header is written. See `LogReader.resumePoint`. */
  readonly resume?: ResumePoint
}

export interface ResumePoint {
  readonly functions: readonly LoggedFunction[]
  /** Number of the next call. */
  readonly calls: number
  /** Where the log has to be cut before more is appended. */
  readonly bytes: number
}

/** A chunk is hashed and a file: it takes several times as long to make as so many bytes to write. */
const defaultInline = 131_072

interface Entry {
  readonly plan: WordPlan
  readonly shape: LoggedFunction
  /** Words of the function's previous record, which this one is told by its difference to. */
  readonly previous: Int32Array
}

/** Guest memory as the writer copies from it. */
export interface Bytes {
  readonly bytes: Uint8Array
}

/**
 * Appends records to a log (docs/format.md). No object is made for a call: its words come in an array that the caller
 * uses again, and go into a block of fixed size as differences to the function's previous call. Memory is bounded by the
 * block and the largest record.
 */
export class LogWriter {
  /** Calls recorded so far, those of earlier logs of the session included. */
  calls: number
  /** Bytes that the sink has taken since the log began, the header and what `resume` stands on included. */
  bytes: number
  /** How often `rotate` was called. */
  segment = 0
  /** Bits of `Quirk`. */
  readonly quirks: number
  #sink: (block: Uint8Array) => void
  readonly #session: string
  readonly #chunks: ChunkStore
  readonly #inlineLimit: number
  readonly #blockSize: number
  readonly #entries: Entry[] = []
  readonly #noteRange = new Ranges()
  #undeclared: LoggedFunction[] = []
  #header: Uint8Array | undefined
  #block: Uint8Array
  #at = frameHead
  /** Where the block's first record begins. */
  #content = frameHead
  #isRestart = true
  /** The checksum that the next frame's starts from. */
  #chain = 0
  /** Bytes since the last restart frame. */
  #sinceRestart = 0
  #thread = 0
  /** A note stands at the end of the block, and its record has to follow there. */
  #isNoted = false

  constructor(options: LogWriterOptions) {
    const { session, quirks = 0, resume, firstCall = resume?.calls ?? 0 } = options
    this.#sink = options.sink
    this.#session = session
    this.#chunks = options.chunks
    this.#inlineLimit = Math.min(options.inlineLimit ?? defaultInline, maxInline)
    this.#blockSize = Math.min(options.blockSize ?? 65_536, maxBlock)
    this.#block = new Uint8Array(this.#blockSize + 3 * this.#inlineLimit + 65_536)
    this.quirks = quirks
    this.calls = firstCall
    this.bytes = resume?.bytes ?? 0
    if (resume === undefined) this.#header = encodeHeader({ session, quirks, firstCall })
    for (const fn of resume?.functions ?? []) this.#entries.push(entryOf(fn))
    this.#begin(true)
  }

  /** Adds a function to the log's dictionary, or finds it there, and returns its number. */
  define(fn: LoggedFunction): number {
    const known = this.#entries.findIndex(({ shape }) => sameFunction(shape, fn))
    if (known >= 0) return known
    if (this.#entries.length === maxFunctions) {
      throw new StasisError('STASIS_LOG_FUNCTIONS', `A call log holds at most ${maxFunctions} functions.`)
    }
    this.#undeclared.push(fn)
    return this.#entries.push(entryOf(fn)) - 1
  }

  /** The layout in which a function's words are expected. */
  planOf(fn: number): WordPlan {
    return this.#entries[fn]!.plan
  }

  /** What the next record is to bring back in a replay, at most 4 GiB. */
  note(bytes: Uint8Array): void {
    this.#makeRoom()
    this.#number(Mark.note * 4 + RecordKind.mark)
    this.#noteRange.clear()
    this.#noteRange.add(0, bytes.length)
    this.#payload(this.#noteRange, { bytes })
    this.#isNoted = true
  }

  #makeRoom(): void {
    if (this.#at >= this.#blockSize && !this.#isNoted) this.commit()
    this.#isNoted = false
  }

  /**
   * Records a finished call in one piece. `succeeded`: whether there are results through pointers and output. Ranges of
   * `input` are of `given`, those of `output` of `memory`.
   */
  call(
    fn: number,
    words: Int32Array,
    succeeded: boolean,
    input: Ranges,
    given: Bytes,
    output: Ranges,
    memory: Bytes,
  ): void {
    this.#makeRoom()
    const entry = this.#entries[fn]!
    const { plan, shape } = entry
    this.#number(fn * 4 + RecordKind.call)
    this.#words(entry, words, 0, succeeded ? plan.all : plan.outcome, plan.all)
    if (shape.input) this.#payload(input, given)
    if (shape.output) this.#payload(output, memory)
    this.calls++
  }

  /** `call` of one that has succeeded, for a function without input and output. */
  plain(fn: number, words: Int32Array): void {
    this.#makeRoom()
    const entry = this.#entries[fn]!
    const { all } = entry.plan
    this.#number(fn * 4 + RecordKind.call)
    this.#words(entry, words, 0, all, all)
    this.calls++
  }

  /** Records that a call is about to be made. `result`, `exit`, `threw` or `abandon` must follow. */
  intent(fn: number, words: Int32Array, input: Ranges, memory: Bytes): void {
    this.#makeRoom()
    const entry = this.#entries[fn]!
    this.#number(fn * 4 + RecordKind.intent)
    this.#words(entry, words, 0, entry.plan.params, entry.plan.params)
    if (entry.shape.input) this.#payload(input, memory)
    this.calls++
  }

  result(fn: number, words: Int32Array, succeeded: boolean, output: Ranges, memory: Bytes): void {
    this.#makeRoom()
    const entry = this.#entries[fn]!
    const { plan, shape } = entry
    this.#number(fn * 4 + RecordKind.result)
    this.#words(entry, words, plan.params, succeeded ? plan.all : plan.outcome, plan.all)
    if (shape.output) this.#payload(output, memory)
  }

  exit(code: number): void {
    this.#makeRoom()
    this.#number(Mark.exit * 4 + RecordKind.mark)
    this.#number(code >>> 0)
  }

  /** `message` is cut after 1,000 characters. */
  threw(message: string): void {
    this.#makeRoom()
    const text = new TextEncoder().encode(message.slice(0, 1000))
    this.#number(Mark.threw * 4 + RecordKind.mark)
    this.#number(text.length)
    for (const byte of text) this.#block[this.#at++] = byte
  }

  abandon(): void {
    this.#makeRoom()
    this.#number(Mark.abandoned * 4 + RecordKind.mark)
    this.calls--
  }

  /** Of the records that follow. */
  set thread(thread: number) {
    if (thread === this.#thread) return
    this.#thread = thread
    this.#number(Mark.thread * 4 + RecordKind.mark)
    this.#number(thread)
  }

  /** Hands everything recorded to the sink (D9). Costs nothing when there is nothing new. */
  commit(): void {
    if (this.#header !== undefined) {
      this.#deliver(this.#header)
      this.#header = undefined
    }
    if (this.#undeclared.length > 0) {
      const payload = encodeFunctions(this.#undeclared)
      const block = new Uint8Array(frameHead + payload.length + frameTail)
      block.set(payload, frameHead)
      const { start } = seal(block, frameHead + payload.length, FrameType.functions, 0)
      this.#deliver(block.subarray(start))
      this.#undeclared = []
    }
    if (this.#at === this.#content) return
    const type = this.#isRestart ? FrameType.restart : FrameType.calls
    const { start, checksum } = seal(this.#block, this.#at, type, this.#isRestart ? 0 : this.#chain)
    this.#deliver(this.#block.subarray(start, this.#at + frameTail))
    this.#chain = checksum
    this.#sinceRestart = (this.#isRestart ? 0 : this.#sinceRestart) + this.#at
    this.#begin(this.#sinceRestart >= this.#blockSize)
  }

  /** Commits, and lets a reader start at what comes next: to be called where a checkpoint is taken. */
  restart(): void {
    this.commit()
    this.#begin(true)
  }

  /** Goes on in another log, which begins with the next call and can be read alone. */
  rotate(sink: (block: Uint8Array) => void): void {
    this.commit()
    this.#sink = sink
    this.segment++
    this.bytes = 0
    this.#header = encodeHeader({ session: this.#session, quirks: this.quirks, firstCall: this.calls })
    this.#undeclared = this.#entries.map(({ shape }) => shape)
    this.#begin(true)
  }

  #deliver(block: Uint8Array): void {
    this.#sink(block)
    this.bytes += block.length
  }

  #begin(restart: boolean): void {
    this.#at = frameHead
    this.#isRestart = restart
    if (restart) {
      this.#number(this.calls)
      this.#number(this.#thread)
      for (const { previous } of this.#entries) previous.fill(0)
    }
    this.#content = this.#at
  }

  /** A LEB128 number below 2^53. */
  #number(value: number): void {
    const block = this.#block
    let rest = value
    while (rest > 0x7fff_ffff) {
      block[this.#at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      block[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    block[this.#at++] = rest
  }

  /** Words [from, to): a mask of those that changed, and their differences. Those up to `end` are told as unchanged. */
  #words({ plan, previous }: Entry, words: Int32Array, from: number, to: number, end: number): void {
    const { map } = plan
    const block = this.#block
    let at = this.#at
    for (let base = from; base < end; base += maskWords) {
      const stop = Math.min(base + maskWords, to)
      let mask = 0
      for (let k = base; k < stop; k++) if (words[map[k]!] !== previous[k]) mask |= 1 << (k - base)
      let rest = mask
      while (rest > 0x7f) {
        block[at++] = (rest & 0x7f) | 0x80
        rest >>>= 7
      }
      block[at++] = rest
      while (mask !== 0) {
        const k = base + 31 - Math.clz32(mask & -mask)
        mask &= mask - 1
        const word = words[map[k]!]!
        const difference = (word - previous[k]!) | 0
        previous[k] = word
        let zigzag = (difference << 1) ^ (difference >> 31)
        while ((zigzag & ~0x7f) !== 0) {
          block[at++] = (zigzag & 0x7f) | 0x80
          zigzag >>>= 7
        }
        block[at++] = zigzag
      }
    }
    this.#at = at
  }

  #payload(ranges: Ranges, memory: Bytes): void {
    const { total, count, pointers, lengths } = ranges
    if (total > this.#inlineLimit) {
      this.#chunked(ranges, memory)
      return
    }
    this.#number(total * 2)
    const block = this.#block
    const { bytes } = memory
    let at = this.#at
    for (let i = 0; i < count; i++) {
      const start = pointers[i]!
      const length = lengths[i]!
      // Up to about 64 bytes a loop beats the view that `set` needs.
      if (length <= 64) for (let k = 0; k < length; k++) block[at + k] = bytes[start + k]!
      else block.set(bytes.subarray(start, start + length), at)
      at += length
    }
    this.#at = at
  }

  #chunked({ total, count, pointers, lengths }: Ranges, memory: Bytes): void {
    this.#reserve(Math.ceil(total / chunkSize) * addressSize)
    this.#number(total * 2 + 1)
    let scratch: Uint8Array | undefined
    let filled = 0
    for (let i = 0; i < count; i++) {
      let start = pointers[i]!
      const end = start + lengths[i]!
      while (start < end) {
        if (filled === 0 && end - start >= chunkSize) {
          this.#chunk(memory.bytes.subarray(start, start + chunkSize))
          start += chunkSize
          continue
        }
        scratch ??= new Uint8Array(chunkSize)
        const part = Math.min(end - start, chunkSize - filled)
        scratch.set(memory.bytes.subarray(start, start + part), filled)
        filled += part
        start += part
        if (filled < chunkSize) continue
        this.#chunk(scratch)
        filled = 0
      }
    }
    if (filled > 0) this.#chunk(scratch!.subarray(0, filled))
  }

  #chunk(bytes: Uint8Array): void {
    const address = chunkAddress(bytes)
    this.#chunks.put(hex(address), bytes)
    this.#block.set(address, this.#at)
    this.#at += addressSize
  }

  /** Room for addresses, and the 64 KiB that are always there behind. */
  #reserve(bytes: number): void {
    const needed = this.#at + bytes + 2 * this.#inlineLimit + 65_536
    if (needed <= this.#block.length) return
    const grown = new Uint8Array(needed)
    grown.set(this.#block.subarray(0, this.#at))
    this.#block = grown
  }
}

function entryOf(shape: LoggedFunction): Entry {
  const plan = wordPlan(shape)
  return { shape, plan, previous: new Int32Array(plan.all) }
}

const sameFunction = (a: LoggedFunction, b: LoggedFunction) =>
  a.module === b.module &&
  a.name === b.name &&
  a.params.join() === b.params.join() &&
  a.results.join() === b.results.join() &&
  a.resultWords === b.resultWords &&
  a.input === b.input &&
  a.output === b.output
