import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ProgramName, program } from '../../test/programs/programs.ts'
import { type Bench, missing, type NodeBinary, say } from '../bench.ts'
import type { LogRunsOutput, LogVariant } from '../jobs/log.ts'
import type { LogGuest } from '../jobs/log-world.ts'
import { atLeast, atMost, type Section, shown, type Verdict } from '../report.ts'
import { ratios } from '../statistics.ts'
import { environment } from '../world.ts'

interface Workload {
  readonly name: string
  readonly kind: 'call' | 'computes' | 'calls'
  readonly guest: LogGuest
  readonly cleared?: string
}

const all: readonly LogVariant[] = ['off', 'on', 'null', 'alone', 'again', 'nodeWasi']

/** What the call log costs, and what it gives: bytes, time a call, whole programs, recovery. */
export async function log(bench: Bench): Promise<Section> {
  const { isQuick, nodes } = bench.settings
  const { workloads, remarks } = await makeWorkloads(bench)
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const node of nodes) {
    for (const { name, kind, guest, cleared } of workloads) {
      const input = { guest, rounds: isQuick ? 5 : 11, variants: all, ...(cleared !== undefined && { cleared }) }
      const output = await bench.run('logRuns', input, node)
      lines.push(lineOf(name, node, output))
      verdicts.push(...verdictsOf(name, kind, node, output))
      say(`  ${lines.at(-1)!.join(', ')}`)
    }
  }
  verdicts.push(...(await bytesOf(bench, workloads)))
  return {
    row: 'log',
    title: 'The call log',
    method:
      'Processor time of the guest’s thread under the instrumented engine, without a log, with one (files in a directory, ' +
      'commits before effects), made again by it as after a kill, and the plain module under node:wasi without any. All in ' +
      'one process, in turns, an instance a run. "Null" is the run without a log once more. Loops over one call: what the log ' +
      'adds to each, payload included. "Bytes alone": the bytes of that log, copied once and written in as many pieces by ' +
      'node:fs, without checksums or anything else; what no log of these calls goes below.',
    head: [
      'program',
      'Node',
      'calls',
      'no log',
      'null',
      'log',
      'added a call',
      'bytes alone, a call',
      'again, against live',
      'log against node:wasi',
    ],
    lines,
    verdicts,
    remarks,
  }
}

const aloneIn = ({ times, calls }: LogRunsOutput): number[] => times.alone!.map((time) => (time * 1e6) / calls)

const addedTo = ({ times, calls }: LogRunsOutput): number[] =>
  times.on!.map((on, round) => ((on - times.off![round]!) * 1e6) / calls)

function lineOf(name: string, node: NodeBinary, output: LogRunsOutput): string[] {
  const { off = [], on = [], again = [], nodeWasi = [] } = output.times
  return [
    name,
    node.name.slice(5),
    output.calls.toLocaleString('en-US'),
    shown(off, ' ms'),
    shown(ratios(output.times.null ?? [], off)),
    shown(ratios(on, off)),
    shown(addedTo(output), ' ns'),
    shown(aloneIn(output), ' ns'),
    shown(ratios(off, again), '×'),
    shown(ratios(on, nodeWasi)),
  ]
}

function verdictsOf(name: string, kind: Workload['kind'], node: NodeBinary, output: LogRunsOutput): Verdict[] {
  const { off = [], on = [], again = [], nodeWasi = [] } = output.times
  const where = `${name}, ${node.name}`
  const note = `its bytes alone ${shown(aloneIn(output), ' ns')}`
  if (kind === 'call') return [{ ...atMost(`log, added to a call: ${where}`, addedTo(output), 300, ' ns'), note }]
  const ratio = atMost(`log on / off: ${where}`, ratios(on, off), kind === 'computes' ? 1.01 : 1.04, '')
  if (kind === 'computes') return [ratio]
  return [
    ratio,
    atLeast(`done again by the log, against live: ${where}`, ratios(off, again), 2, '×'),
    atMost(`log, against node:wasi without one: ${where}`, ratios(on, nodeWasi), 1, ''),
  ]
}

/** Over the programs that are not loops over one call. */
async function bytesOf(bench: Bench, workloads: readonly Workload[]): Promise<Verdict[]> {
  const real = workloads.filter(({ kind, guest }) => kind !== 'call' && guest.entry === undefined)
  const sizes: { median: number; p95: number }[] = []
  for (const { guest, cleared } of real) {
    const input = { guest, ...(cleared !== undefined && { cleared }) }
    sizes.push(await bench.run('logBytes', input, bench.settings.nodes[0]!))
  }
  if (sizes.length === 0) return []
  return [
    atMost(
      'log, bytes of a call without payload, median of each program',
      sizes.map((size) => size.median),
      8,
      ' B',
    ),
    atMost(
      'log, bytes of a call without payload, 95 of 100, of each program',
      sizes.map((size) => size.p95),
      16,
      ' B',
    ),
  ]
}

const statements = (count: number): string =>
  [
    'CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t(b);',
    ...Array.from({ length: count }, (_, i) => `INSERT INTO t(b) VALUES('row ${(i * 7919) % 1000}');`),
    'BEGIN;',
    ...Array.from({ length: count * 3 }, (_, i) => `INSERT INTO t(b) VALUES('more ${(i * 7919) % 1000}');`),
    'COMMIT; SELECT count(*), sum(length(b)) FROM t; DELETE FROM t WHERE a % 3 = 0; VACUUM;',
  ].join(' ')

async function makeWorkloads(bench: Bench): Promise<{ workloads: Workload[]; remarks: string[] }> {
  const { isQuick } = bench.settings
  const scratch = bench.scratch()
  const folder = (name: string): string => {
    const path = join(scratch, name)
    mkdirSync(path)
    return path
  }
  const [data, database, library] = [folder('data'), folder('database'), folder('library')]
  writeFileSync(join(data, 'data.bin'), new Uint8Array(4096 * 1024).fill(7))
  const module = await bench.assembled('calls')
  const prelinked = await bench.prelinked(module, 'default')
  const loop = (name: string, times: number): LogGuest => ({
    ...{ module, prelinked, args: ['calls'], mounts: { '/data': data } },
    entry: { name, args: [times] },
  })
  const scale = isQuick ? 1 : 3
  const workloads: Workload[] = [
    { name: 'clock_time_get', kind: 'call', guest: loop('clock_time_get', 300_000 * scale) },
    { name: 'fd_write 64 B, file', kind: 'call', guest: loop('fd_write', 30_000 * scale) },
    { name: 'fd_read 4 KiB', kind: 'call', guest: loop('fd_read', 20_000 * scale) },
    { name: 'a million clock calls', kind: 'calls', guest: loop('clock_time_get', 1_000_000) },
  ]
  const remarks: string[] = []
  const add = async (
    name: ProgramName,
    title: string,
    kind: Workload['kind'],
    rest: Omit<LogGuest, 'module' | 'prelinked'>,
    cleared?: string,
  ) => {
    const reason = missing(name)
    if (reason !== undefined) return void remarks.push(reason)
    const { path } = program(name)
    const guest = { ...rest, module: path, prelinked: await bench.prelinked(path, 'default') }
    workloads.push({ name: title, kind, guest, ...(cleared !== undefined && { cleared }) })
  }
  const { mounts } = bench.guest('')
  await add('lua', 'Lua: mandelbrot', 'computes', {
    args: ['lua', '/guest/mandelbrot.lua', isQuick ? '400' : '700'],
    mounts,
  })
  const sql = ['sqlite3', '/data/x.db', statements(isQuick ? 120 : 250)]
  await add(
    'sqlite',
    'SQLite: file database',
    'calls',
    { args: sql, mounts: { '/data': database }, env: [['HOME', '/data']] },
    database,
  )
  if (missing('cpython') === undefined) await unpackLibrary(bench, library)
  const python = { mounts: { ...mounts, '/lib': library }, env: environment }
  await add('cpython', 'CPython: imports', 'calls', { args: ['python', '/bench/import.py'], ...python })
  return { workloads, remarks }
}

async function unpackLibrary(bench: Bench, library: string): Promise<void> {
  const { path } = program('cpython')
  const { mounts } = bench.guest('')
  const guest = {
    module: path,
    prelinked: await bench.prelinked(path, 'default'),
    args: ['python', '/bench/unpack.py'],
    mounts: { ...mounts, '/lib': library },
  }
  await bench.run('logRuns', { guest, rounds: 0, variants: ['off'] }, bench.settings.nodes[0]!)
}
