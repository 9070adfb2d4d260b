import { randomFillSync } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpointFile } from '../../host-node/checkpoint-file-host.ts'
import { threadTime } from '../clock.ts'

export interface CheckpointFileInput {
  /** Where the files are; empty. */
  readonly directory: string
  readonly batches: number
}

export interface CheckpointFileOutput {
  /** Milliseconds for one save and restore of 1 MB of random bytes, all of them new, for each batch. */
  readonly saved: readonly number[]
  /** For writing the same to a file of its own, and reading it. */
  readonly plain: readonly number[]
  /** For a save and restore where nothing has changed. */
  readonly unchanged: readonly number[]
  /** Bytes that data file and index grew by for each byte of a changed page: 1 % of 64 MB, at random, for each version. */
  readonly growth: readonly number[]
}

const size = 1 << 20
/** Long enough for the clock, short enough for what else runs on the machine to meet both sides alike. */
const perBatch = 8

export function measureCheckpointFile({ directory, batches }: CheckpointFileInput): CheckpointFileOutput {
  const saved: number[] = []
  const plain: number[] = []
  const unchanged: number[] = []
  const memory = new Uint8Array(size)
  const inputs = Array.from({ length: perBatch }, () => new Uint8Array(size))
  const path = join(directory, 'state.ckp')
  // The first batches are for V8 to compile what is measured.
  for (let batch = -3; batch < batches; batch++) {
    const file = openCheckpointFile(path)
    const region = file.register('state', memory)
    const measure = (times: number[], once: (i: number) => void): void => {
      const began = threadTime()
      for (let i = 0; i < perBatch; i++) once(i)
      if (batch >= 0) times.push((threadTime() - began) / perBatch)
    }
    for (const input of inputs) randomFillSync(input)
    measure(saved, (i) => {
      memory.set(inputs[i]!)
      file.save(region)
      file.restore(region)
    })
    measure(plain, (i) => {
      memory.set(inputs[i]!)
      writeFileSync(join(directory, `plain-${i}`), memory)
      memory.set(readFileSync(join(directory, `plain-${i}`)))
    })
    measure(unchanged, () => {
      file.save(region)
      file.restore(region)
    })
    file.close()
    for (let i = 0; i < perBatch; i++) rmSync(join(directory, `plain-${i}`))
    rmSync(path)
    rmSync(`${path}.index`)
  }
  return { saved, plain, unchanged, growth: measureGrowth(path) }
}

function measureGrowth(path: string): number[] {
  const pages = 16384
  const changed = Math.round(pages / 100)
  const memory = new Uint8Array(pages * 4096)
  for (let at = 0; at < memory.length; at += 65536) randomFillSync(memory, at, 65536)
  const file = openCheckpointFile(path)
  const region = file.register('state', memory)
  file.save(region)
  const bytes = () => statSync(path).size + statSync(`${path}.index`).size
  const growth: number[] = []
  let random = 1
  for (let version = 0; version < 80; version++) {
    const touched = new Set<number>()
    while (touched.size < changed) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      touched.add(Math.floor((random / 2 ** 32) * pages))
    }
    for (const page of touched) randomFillSync(memory, page * 4096, 16)
    const before = bytes()
    file.save(region)
    growth.push((bytes() - before) / (changed * 4096))
  }
  file.close()
  return growth
}
