import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Payload } from '../../runtime/log/chunks.ts'
import { readLog } from '../../runtime/log/reader.ts'
import { sleep, threadTime } from '../clock.ts'
import { type LogGuest, LogWorld } from './log-world.ts'

export interface LogRunsInput {
  readonly guest: LogGuest
  readonly rounds: number
  /** A mount whose content is removed before each run. */
  readonly cleared?: string
  readonly variants: readonly LogVariant[]
}

/** Without log, the same once more, with one, its bytes alone, made again by it, and under node:wasi. */
export type LogVariant = 'off' | 'null' | 'on' | 'alone' | 'again' | 'nodeWasi'

export interface LogRunsOutput {
  /** Milliseconds, one of each round. */
  readonly times: Readonly<Partial<Record<LogVariant, readonly number[]>>>
  readonly calls: number
  /** Of the log. */
  readonly bytes: number
}

/** All variants in one process, in turns; each run in an instance of its own, after one run that does not count. */
export async function measureLogRuns({ guest, rounds, cleared, variants }: LogRunsInput): Promise<LogRunsOutput> {
  const { WASI } = await import('node:wasi')
  const folder = mkdtempSync(join(tmpdir(), 'stasis-bench-log-'))
  const world = new LogWorld(guest, join(folder, 'log'), WASI)
  const make: Readonly<Record<LogVariant, () => () => void>> = {
    off: () => world.withoutLog(),
    null: () => world.withoutLog(),
    on: () => world.withLog(),
    alone: () => world.bytesAlone(),
    again: () => world.again(),
    nodeWasi: () => world.underNodeWasi(),
  }
  const times: Partial<Record<LogVariant, number[]>> = {}
  try {
    for (let round = -1; round < rounds; round++) {
      for (let i = 0; i < variants.length; i++) {
        // Nobody is always the first. The log of the first run with one is there from the round that does not count.
        const variant = variants[(i + Math.max(round, 0)) % variants.length]!
        if (cleared !== undefined && variant !== 'again' && variant !== 'alone') empty(cleared)
        const run = make[variant]()
        sleep(20)
        const began = threadTime()
        run()
        const took = threadTime() - began
        if (round >= 0) times[variant] = [...(times[variant] ?? []), took]
      }
    }
    return { times, calls: world.calls, bytes: world.bytes }
  } finally {
    world.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}

function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
}

export interface LogBytesOutput {
  /** Sorted sizes of a call's records in the log, payloads and notes left out. */
  readonly median: number
  readonly p95: number
  readonly calls: number
}

/** Bytes of a payload that stand in the log itself. */
const stored = ({ length, bytes }: Payload): number => (length === 0 ? 0 : bytes.length)

/** What a program's calls take in its log. */
export async function measureLogBytes({
  guest,
  cleared,
}: Pick<LogRunsInput, 'guest' | 'cleared'>): Promise<LogBytesOutput> {
  const { WASI } = await import('node:wasi')
  const folder = mkdtempSync(join(tmpdir(), 'stasis-bench-log-'))
  const world = new LogWorld(guest, join(folder, 'log'), WASI)
  try {
    if (cleared !== undefined) empty(cleared)
    world.withLog()()
    const sizes = new Map<number, number>()
    for (const record of readLog([world.log()])) {
      const { kind, call, note } = record
      const hasPayload = kind === 'call' || kind === 'intent' || kind === 'result'
      const payload = hasPayload ? stored(record.input) + stored(record.output) : 0
      // The note's own length takes up to three bytes more.
      const size = record.size - payload - stored(note)
      sizes.set(call, (sizes.get(call) ?? 0) + size)
    }
    const sorted = [...sizes.values()].sort((a, b) => a - b)
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
    return { median: at(0.5), p95: at(0.95), calls: sorted.length }
  } finally {
    world.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}
