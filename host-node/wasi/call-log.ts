import { randomUUID } from 'node:crypto'
import type { ChunkStore } from '../../runtime/log/chunks.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import type { LogTarget } from './log-option.ts'

/** Where the payloads of a log are found by their addresses; a Map does. */
export interface Chunks {
  get(address: string): Uint8Array | undefined
}

/** What `WASI.callLog` tells. */
export type CallLog =
  /** All calls so far, to be replayed by the option `replay`. */
  | {
      readonly kind: 'recorded'
      readonly calls: number
      readonly bytes: Uint8Array
      /** Payloads above 16 KiB by their addresses. */
      readonly chunks: ReadonlyMap<string, Uint8Array>
    }
  /** With a sink of its own: the sink has everything. */
  | { readonly kind: 'elsewhere'; readonly calls: number }
  | { readonly kind: 'absent'; readonly reason: 'off' | 'limit'; readonly message: string }
  /** Calls that were answered from a log, and whether the log has no more. */
  | { readonly kind: 'replayed'; readonly calls: number; readonly complete: boolean }

/** Bytes of blocks and chunks in memory, beyond which the whole log is dropped. */
export const memoryLimit: number = 64 * 1024 * 1024

const segmentSize = 64 * 1024

/** A log that is kept in memory up to a limit. */
export class MemoryLog implements LogTarget {
  /** Blocks may be a few bytes long: as an array each they would take ten times their size. */
  #segments: { bytes: Uint8Array; used: number }[] = []
  #chunks = new Map<string, Uint8Array>()
  #bytes = 0
  #isDropped = false
  readonly #limit: number
  readonly #onDropped: () => void

  constructor(onDropped: () => void, limit: number = memoryLimit) {
    this.#onDropped = onDropped
    this.#limit = limit
  }

  readonly sink = (block: Uint8Array): void => {
    if (!this.#admits(block.length)) return
    let last = this.#segments.at(-1)
    if (last === undefined || last.bytes.length - last.used < block.length) {
      last = { bytes: new Uint8Array(Math.max(segmentSize, block.length)), used: 0 }
      this.#segments.push(last)
    }
    last.bytes.set(block, last.used)
    last.used += block.length
  }

  readonly chunks: ChunkStore = {
    put: (address, bytes) => {
      if (!this.#chunks.has(address) && this.#admits(bytes.length)) this.#chunks.set(address, bytes.slice())
    },
    get: (address) => this.#chunks.get(address),
  }

  /** A copy in one piece; undefined where it was dropped. */
  content(): { readonly bytes: Uint8Array; readonly chunks: ReadonlyMap<string, Uint8Array> } | undefined {
    if (this.#isDropped) return undefined
    const bytes = new Uint8Array(this.#segments.reduce((sum, { used }) => sum + used, 0))
    let at = 0
    for (const segment of this.#segments) {
      bytes.set(segment.bytes.subarray(0, segment.used), at)
      at += segment.used
    }
    return { bytes, chunks: new Map(this.#chunks) }
  }

  #admits(length: number): boolean {
    if (this.#isDropped) return false
    this.#bytes += length
    if (this.#bytes <= this.#limit) return true
    this.#isDropped = true
    this.#segments = []
    this.#chunks = new Map()
    this.#onDropped()
    return false
  }
}

export const createWriter = ({ sink, chunks }: LogTarget): LogWriter =>
  new LogWriter({ session: randomUUID(), sink, chunks })
