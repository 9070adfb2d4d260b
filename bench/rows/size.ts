import { readFileSync, statSync } from 'node:fs'
import { type ProgramName, program } from '../../test/programs/programs.ts'
import { type Bench, missing } from '../bench.ts'
import type { Section } from '../report.ts'
import { geometricMean } from '../statistics.ts'
import { workloads } from '../workloads.ts'

const limit = 1.35

export async function size(bench: Bench): Promise<Section> {
  const names = [...new Set(workloads.map((each) => each.program))]
  const present = names.filter((name) => missing(name) === undefined)
  const ratiosOf: number[] = []
  const lines: string[][] = []
  for (const name of present) {
    const { path } = program(name)
    const bytes = statSync(path).size
    const none = statSync(await bench.prelinked(path, 'none')).size / bytes
    const polls = statSync(await bench.prelinked(path, 'default')).size / bytes
    ratiosOf.push(none, polls)
    const rival = hasRival(name) ? codeSize(bench.asyncified(path)) / codeSize(path) : undefined
    const code = codeSize(await bench.prelinked(path, 'default')) / codeSize(path)
    lines.push([
      name,
      (bytes / 1e6).toFixed(2),
      none.toFixed(3),
      polls.toFixed(3),
      code.toFixed(3),
      rival?.toFixed(3) ?? '',
    ])
  }
  const worst = Math.max(...ratiosOf)
  return {
    row: 'size',
    title: 'Module size, pre-linked / plain',
    method:
      'Whole files; beside them the code sections alone, since wasm-opt also drops and rewrites what is not code.',
    head: ['module', 'MB', 'polls none', 'polls default', 'code, polls default', 'code, Asyncify -O3'],
    lines,
    verdicts: [
      {
        what: 'module size, pre-linked / plain, worst',
        value: `${worst.toFixed(3)} (mean ${geometricMean(ratiosOf).toFixed(3)})`,
        target: `≤ ${limit}`,
        isMet: worst <= limit,
      },
    ],
    remarks: names.flatMap((name) => missing(name) ?? []),
  }
}

const hasRival = (name: ProgramName): boolean => workloads.some((each) => each.program === name && each.rival)

/** Bytes of section 10. */
function codeSize(path: string): number {
  const bytes = readFileSync(path)
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++]
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] as number
      length += (byte & 127) * 2 ** shift
      if (byte < 128) break
    }
    if (id === 10) return length
    at += length
  }
  return 0
}
