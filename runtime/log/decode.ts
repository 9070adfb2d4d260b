import { isStasisError } from '../../wasm-shim/errors.ts'
import type { Payload } from './chunks.ts'
import type { Frame } from './frame.ts'
import { decodeFunctions, wordPlan } from './functions.ts'
import { addressSize, chunkSize, damaged, FrameType, Mark, maskWords, maxInline, RecordKind } from './layout.ts'
import type { LogFunction, LogRecord } from './record.ts'

/** One object for all records; which fields hold depends on `kind`. */
interface MutableRecord {
  kind: LogRecord['kind']
  call: number
  thread: number
  size: number
  fn: LogFunction | undefined
  input: MutablePayload
  output: MutablePayload
  note: MutablePayload
  code: number
  message: string
}

interface MutablePayload extends Payload {
  length: number
  bytes: Uint8Array
  chunked: boolean
}

const nothing = new Uint8Array(0)
const emptyPayload = (): MutablePayload => ({ length: 0, bytes: nothing, chunked: false })

/** An effect that was announced and has no result yet. */
interface Open {
  readonly call: number
  readonly thread: number
  readonly fn: LogFunction
}

const text = new TextDecoder()

/** Reads the records of one frame after the other. Throws STASIS_LOG_DAMAGED. */
export class RecordDecoder {
  readonly functions: LogFunction[] = []
  /** Number of the next call. */
  calls: number
  /** Effects without a result, the outermost first. */
  readonly open: Open[] = []
  #thread = 0
  #bytes: Uint8Array = nothing
  #at = 0
  #end = 0
  /** What to add to a position in `#bytes` to get the offset in the log. */
  #shift = 0
  readonly #record: MutableRecord = {
    kind: 'call',
    call: 0,
    thread: 0,
    size: 0,
    fn: undefined,
    input: emptyPayload(),
    output: emptyPayload(),
    note: emptyPayload(),
    code: 0,
    message: '',
  }

  constructor(firstCall: number) {
    this.calls = firstCall
  }

  /** The next frame, after all records of the last one were read. */
  load(frame: Frame): void {
    this.#bytes = frame.bytes
    this.#at = frame.start
    this.#end = frame.end
    this.#shift = frame.offset - frame.start
    if (frame.type === FrameType.functions) this.#define(frame)
    else if (frame.type === FrameType.restart) this.#restart()
  }

  /** Counts the whole records in a piece of a frame whose rest is missing. The decoder is of no use afterwards. */
  countPartial(type: number, bytes: Uint8Array, start: number): number {
    let count = 0
    try {
      this.load({ type, bytes, start, end: bytes.length, offset: start })
      while (this.next() !== undefined) count++
    } catch (error) {
      if (!isStasisError(error)) throw error
    }
    return count
  }

  /** The next record of the frame. */
  next(): LogRecord | undefined {
    const record = this.#record
    record.note.length = 0
    let start = this.#at
    while (this.#at < this.#end) {
      const head = this.#number()
      const kind = head & 3
      const number = head < 0x8000_0000 ? head >>> 2 : Math.floor(head / 4)
      record.thread = this.#thread
      record.input.length = 0
      record.output.length = 0
      if (kind === RecordKind.mark) {
        if (number === Mark.note) {
          this.#payload(record.note)
          continue
        }
        if (!this.#mark(number)) {
          start = this.#at
          continue
        }
      } else {
        const fn = this.functions[number] ?? this.#fail(`there is no function ${number}`)
        record.fn = fn
        if (kind === RecordKind.call) this.#call(fn)
        else if (kind === RecordKind.intent) this.#intent(fn)
        else this.#result(fn)
      }
      record.size = this.#at - start
      return record as LogRecord
    }
    if (record.note.length > 0) this.#fail('a note belongs to no record')
    return undefined
  }

  /** See `LogReader`. */
  plain(fn: LogFunction, limit: number): boolean {
    const head = fn.number * 4 + RecordKind.call
    // A head of one byte, as nearly all are.
    if (this.#at >= this.#end || head > 0x7f || this.#bytes[this.#at] !== head) return false
    if (this.calls >= limit || this.functions[fn.number] !== fn) return false
    this.#at++
    this.#words(fn, 0, fn.plan.all)
    this.calls++
    return true
  }

  #call(fn: LogFunction): void {
    this.#words(fn, 0, fn.plan.all)
    if (fn.shape.input) this.#payload(this.#record.input)
    if (fn.shape.output) this.#payload(this.#record.output)
    this.#record.kind = 'call'
    this.#record.call = this.calls++
  }

  #intent(fn: LogFunction): void {
    this.#words(fn, 0, fn.plan.params)
    if (fn.shape.input) this.#payload(this.#record.input)
    this.#record.kind = 'intent'
    this.open.push({ call: this.calls, thread: this.#thread, fn })
    this.#record.call = this.calls++
  }

  #result(fn: LogFunction): void {
    this.#words(fn, fn.plan.params, fn.plan.all)
    if (fn.shape.output) this.#payload(this.#record.output)
    this.#record.kind = 'result'
    if (this.#close() !== fn) this.#fail('a result belongs to another call than the last one')
  }

  /** Ends the latest effect of the thread. */
  #close(): LogFunction {
    for (let i = this.open.length - 1; i >= 0; i--) {
      const one = this.open[i]!
      if (one.thread !== this.#thread) continue
      this.open.splice(i, 1)
      this.#record.call = one.call
      this.#record.fn = one.fn
      return one.fn
    }
    return this.#fail('a result has no call')
  }

  /** False where the mark is no record. */
  #mark(mark: number): boolean {
    const record = this.#record
    switch (mark) {
      case Mark.thread:
        this.#thread = this.#number()
        return false
      case Mark.exit:
        record.code = this.#number()
        this.#close()
        record.kind = 'exit'
        return true
      case Mark.threw: {
        const length = this.#number()
        record.message = text.decode(this.#take(length))
        this.#close()
        record.kind = 'threw'
        return true
      }
      case Mark.abandoned:
        this.#close()
        record.kind = 'abandoned'
        this.calls = record.call
        return true
      default:
        return this.#fail(`there is no mark ${mark}`)
    }
  }

  #words({ words }: LogFunction, from: number, end: number): void {
    for (let base = from; base < end; base += maskWords) {
      let mask = this.#number()
      const count = end - base
      if (mask >= (count < maskWords ? 1 << count : 1 << maskWords))
        this.#fail('a record changes words that its function lacks')
      while (mask !== 0) {
        const k = base + 31 - Math.clz32(mask & -mask)
        mask &= mask - 1
        const zigzag = this.#word()
        words[k] = (words[k]! + ((zigzag >>> 1) ^ -(zigzag & 1))) | 0
      }
    }
  }

  /** A number of 32 bits, as a signed word. */
  #word(): number {
    const bytes = this.#bytes
    const stop = Math.min(this.#at + 4, this.#end)
    let value = 0
    // Four bytes are 28 bits, which needs no more than integers.
    for (let at = this.#at, shift = 0; at < stop; shift += 7) {
      const byte = bytes[at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#at = at
        return value
      }
    }
    const long = this.#longNumber()
    return long > 0xffff_ffff ? this.#fail('a difference does not fit 32 bits') : long | 0
  }

  #payload(payload: MutablePayload): void {
    const head = this.#number()
    payload.length = Math.floor(head / 2)
    payload.chunked = head % 2 === 1
    if (!payload.chunked && payload.length > maxInline) this.#fail(`a payload has ${payload.length} bytes`)
    if (payload.length > 0xffff_ffff) this.#fail(`a payload has ${payload.length} bytes`)
    payload.bytes = this.#take(payload.chunked ? Math.ceil(payload.length / chunkSize) * addressSize : payload.length)
  }

  #define(frame: Frame): void {
    try {
      const fail = (message: string): never => this.#fail(message)
      const added = decodeFunctions(frame.bytes.subarray(frame.start, frame.end), this.functions.length, fail)
      for (const shape of added) {
        const plan = wordPlan(shape)
        this.functions.push({ number: this.functions.length, shape, plan, words: new Int32Array(plan.all) })
      }
    } catch (error) {
      if (isStasisError(error) && error.code === 'STASIS_MODULE_MALFORMED') this.#fail('its functions cannot be read')
      throw error
    }
    this.#at = this.#end
  }

  #restart(): void {
    const calls = this.#number()
    this.#thread = this.#number()
    // After a crash the calls that had no result are made again, from the outermost on.
    if (calls !== this.calls && calls !== this.open[0]?.call) {
      this.#fail(`it goes on with call ${calls} where call ${this.calls} is expected`)
    }
    if (calls !== this.calls) this.open.length = 0
    this.calls = calls
    for (const { words } of this.functions) words.fill(0)
  }

  #number(): number {
    const first = this.#bytes[this.#at]!
    if (first < 0x80 && this.#at < this.#end) {
      this.#at++
      return first
    }
    return this.#longNumber()
  }

  #longNumber(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      if (this.#at >= this.#end) this.#fail('a record is cut')
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value > Number.MAX_SAFE_INTEGER ? this.#fail('a number is too large') : value
      scale *= 128
    }
    return this.#fail('a number is too long')
  }

  #take(length: number): Uint8Array {
    if (length > this.#end - this.#at) this.#fail('a record is cut')
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }

  #fail(message: string): never {
    throw damaged(message, this.#at + this.#shift)
  }
}
