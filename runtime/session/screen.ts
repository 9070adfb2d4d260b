import type { Host, HostStream } from '../../wasm-shim/wasi/host.ts'
import { maxScreen } from '../image/layout.ts'

const lineEnd = 10

/**
 * What a terminal has shown last: output, and the lines that were typed as the program read them. It goes with a
 * checkpoint, so that wherever the session goes on the terminal looks as it did.
 */
export class Screen {
  /** Twice what is kept, so that the oldest half is moved out once in a while and not at every write. */
  readonly #buffer: Uint8Array
  #length = 0
  #isCut = false

  constructor(first: Uint8Array = new Uint8Array(0), limit: number = maxScreen) {
    this.#buffer = new Uint8Array(2 * limit)
    this.append(first)
  }

  append(bytes: Uint8Array): void {
    const limit = this.#buffer.length / 2
    const last = bytes.length > limit ? bytes.subarray(bytes.length - limit) : bytes
    if (this.#length + last.length > this.#buffer.length || last !== bytes) {
      const kept = last === bytes ? Math.min(this.#length, limit) : 0
      this.#buffer.copyWithin(0, this.#length - kept, this.#length)
      this.#length = kept
      this.#isCut = true
    }
    this.#buffer.set(last, this.#length)
    this.#length += last.length
  }

  /** A copy, at most the limit. What was cut begins with a whole line, not inside a character or an escape sequence. */
  bytes(): Uint8Array {
    const limit = this.#buffer.length / 2
    const all = this.#buffer.subarray(Math.max(0, this.#length - limit), this.#length)
    if (!this.#isCut && all.length === this.#length) return all.slice()
    const line = all.indexOf(lineEnd)
    if (line >= 0) return all.slice(line + 1)
    let from = 0
    while (from < all.length && isContinuation(all[from]!)) from++
    return all.slice(from)
  }

  /** The host whose terminals are remembered. */
  watch(host: Host): Host {
    const { clocks, random, stdin, stdout, stderr } = host
    if (![stdin, stdout, stderr].some(({ kind }) => kind === 'tty')) return host
    const wait: Host['wait'] = (condition) => host.wait(condition)
    return { clocks, random, stdin: this.#watch(stdin), stdout: this.#watch(stdout), stderr: this.#watch(stderr), wait }
  }

  #watch(stream: HostStream): HostStream {
    if (stream.kind !== 'tty') return stream
    return {
      kind: stream.kind,
      read: (target) => {
        const read = stream.read(target)
        if (read !== undefined && read > 0) this.append(target.subarray(0, read))
        return read
      },
      readable: () => stream.readable(),
      write: (source) => {
        const written = stream.write(source)
        if (written > 0) this.append(source.subarray(0, written))
        return written
      },
      ...(stream.unread && { unread: () => stream.unread!() }),
    }
  }
}

/** In UTF-8: inside a character. */
const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80

/** The last `count` lines, for terminals that keep what they have shown before. */
export function lastLines(bytes: Uint8Array, count: number): Uint8Array {
  let end = bytes.length
  for (let lines = 0; lines < count && end > 0; lines++) end = bytes.lastIndexOf(lineEnd, end - 1)
  return end <= 0 ? bytes : bytes.subarray(end + 1)
}
