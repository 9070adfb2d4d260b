import type { LogFunction, LogRecord } from './record.ts'

/** What functions are about, in the order in which they are drawn. */
export const callGroups = ['reading', 'writing', 'files', 'waiting', 'time', 'sockets', 'program', 'host'] as const
export type CallGroup = (typeof callGroups)[number]

const reading = new Set(['fd_read', 'fd_pread', 'fd_readdir', 'path_readlink'])
const writing = new Set(['fd_write', 'fd_pwrite', 'fd_sync', 'fd_datasync'])
const prefixes: readonly (readonly [string, CallGroup])[] = [
  ['fd_', 'files'],
  ['path_', 'files'],
  ['poll_', 'waiting'],
  ['sched_', 'waiting'],
  ['clock_', 'time'],
  ['random_', 'time'],
  ['sock_', 'sockets'],
  ['args_', 'program'],
  ['environ_', 'program'],
  ['proc_', 'program'],
]

export function groupOf(module: string, name: string): CallGroup {
  if (!module.startsWith('wasi_')) return 'host'
  if (reading.has(name)) return 'reading'
  if (writing.has(name)) return 'writing'
  return prefixes.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'host'
}

/** Functions whose first result is a number of bytes moved. */
const movers: Readonly<Record<string, 'read' | 'written'>> = {
  fd_read: 'read',
  fd_pread: 'read',
  sock_recv: 'read',
  fd_write: 'written',
  fd_pwrite: 'written',
  sock_send: 'written',
}

/** Some successive calls. */
export interface Bucket {
  /** By number of the group. */
  readonly calls: number[]
  failed: number
  /** Bytes. */
  read: number
  written: number
}

interface Drawn {
  readonly group: number
  readonly moves: 'read' | 'written' | undefined
}

/**
 * Calls over their numbers in at most `buckets` pieces of equal width. How many calls there will be is not known: when
 * the buckets are full, each two become one.
 */
export class Timeline {
  /** Calls a bucket. */
  width = 1
  readonly buckets: Bucket[] = []
  readonly #first: number
  readonly #most: number
  #functions: Drawn[] = []

  /** `most` is even. */
  constructor(firstCall: number, most: number) {
    this.#first = firstCall
    this.#most = most
  }

  /** Another log follows: its functions have other numbers. */
  begin(): void {
    this.#functions = []
  }

  add(record: LogRecord, failed: boolean): void {
    const { kind, fn, call } = record
    if (kind === 'abandoned' || call < this.#first) return
    const { group, moves } = this.#drawn(fn)
    const bucket = this.#bucket(call)
    // An effect counts when it has ended: it may be abandoned.
    if (kind !== 'intent') bucket.calls[group]!++
    if (failed) bucket.failed++
    else if (moves !== undefined && (kind === 'call' || kind === 'result')) {
      bucket[moves] += fn.words[fn.plan.outcome]! >>> 0
    }
  }

  #drawn(fn: LogFunction): Drawn {
    const known = this.#functions[fn.number]
    if (known !== undefined) return known
    const { module, name } = fn.shape
    const moves = fn.plan.all > fn.plan.outcome && Object.hasOwn(movers, name) ? movers[name] : undefined
    const drawn = { group: callGroups.indexOf(groupOf(module, name)), moves }
    this.#functions[fn.number] = drawn
    return drawn
  }

  #bucket(call: number): Bucket {
    let at = Math.floor((call - this.#first) / this.width)
    while (at >= this.#most) {
      this.#halve()
      at = Math.floor((call - this.#first) / this.width)
    }
    while (this.buckets.length <= at) this.buckets.push(emptyBucket())
    return this.buckets[at]!
  }

  #halve(): void {
    const half = Math.ceil(this.buckets.length / 2)
    for (let i = 0; i < half; i++) {
      const bucket = this.buckets[i * 2]!
      const next = this.buckets[i * 2 + 1]
      if (next !== undefined) {
        next.calls.forEach((count, group) => {
          bucket.calls[group]! += count
        })
        bucket.failed += next.failed
        bucket.read += next.read
        bucket.written += next.written
      }
      this.buckets[i] = bucket
    }
    this.buckets.length = half
    this.width *= 2
  }
}

const emptyBucket = (): Bucket => ({ calls: callGroups.map(() => 0), failed: 0, read: 0, written: 0 })
