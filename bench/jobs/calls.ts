import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WASI as NodeWasi } from 'node:wasi'
import { openDirectory } from '../../host-node/directory.ts'
import { createNodeHost } from '../../host-node/host.ts'
import { createOutput } from '../../host-node/streams.ts'
import { ControlBlock } from '../../runtime/session/control-block.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { threadTime } from '../clock.ts'
import { instantiatePlain, instantiatePrelinked, readBytes } from '../world.ts'

export const callNames = ['clock_time_get', 'fd_write', 'fd_write_stdout', 'fd_read', 'path_open'] as const
export type CallName = (typeof callNames)[number]

export interface CallsInput {
  /** bench/guest/calls.wat, assembled, and the same pre-linked. */
  readonly module: string
  readonly prelinked: string
  readonly call: CallName
  readonly rounds: number
  /** Milliseconds that a batch should take. */
  readonly batch: number
}

/** Calls per second of each batch, taken in turns. */
export interface CallsOutput {
  readonly nodeWasi: readonly number[]
  readonly nodeWasiAgain: readonly number[]
  readonly kernel: readonly number[]
  readonly stasis: readonly number[]
}

type Exports = Readonly<Record<string, (times?: number) => number>>

/** The same guest under node:wasi (twice), under our kernel, and pre-linked under our engine, in one process. */
export async function measureCalls({ module: path, prelinked, call, rounds, batch }: CallsInput): Promise<CallsOutput> {
  const { WASI } = await import('node:wasi')
  const folder = mkdtempSync(join(tmpdir(), 'stasis-bench-'))
  const sink = openSync('/dev/null', 'w')
  try {
    writeFileSync(join(folder, 'data.bin'), new Uint8Array(4096 * 1024).fill(7))
    const module = new WebAssembly.Module(readBytes(path))
    const runs = {
      nodeWasi: batchOf(underNodeWasi(WASI, module, folder, sink), call),
      kernel: batchOf(underKernel(module, folder, sink), call),
      nodeWasiAgain: batchOf(underNodeWasi(WASI, module, folder, sink), call),
      stasis: batchOf(underEngine(readBytes(prelinked), readBytes(path), folder, sink), call),
    }
    const times = calibrate(runs.nodeWasi, batch)
    for (const run of Object.values(runs)) run(times)
    const rates: Record<keyof typeof runs, number[]> = { nodeWasi: [], kernel: [], nodeWasiAgain: [], stasis: [] }
    const names = Object.keys(runs) as (keyof typeof runs)[]
    for (let round = 0; round < rounds; round++) {
      // Nobody is always the first.
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]!
        const began = threadTime()
        runs[name](times)
        rates[name].push((times / (threadTime() - began)) * 1000)
      }
    }
    return rates
  } finally {
    closeSync(sink)
    rmSync(folder, { recursive: true, force: true })
  }
}

function batchOf(exports: Exports, call: CallName): (times: number) => void {
  const open = exports['open']!() as number
  if (open !== 0) throw new Error(`opening the files failed with errno ${open}`)
  const run = exports[call]!
  return (times) => {
    const errno = run(times)
    if (errno !== 0) throw new Error(`${call} failed with errno ${errno}`)
  }
}

function calibrate(run: (times: number) => void, milliseconds: number): number {
  for (let times = 100; ; times *= 4) {
    const began = performance.now()
    run(times)
    const took = performance.now() - began
    if (took > milliseconds / 4) return Math.ceil((times * milliseconds) / took)
  }
}

function underNodeWasi(WASI: typeof NodeWasi, module: WebAssembly.Module, folder: string, stdout: number): Exports {
  const wasi = new WASI({ version: 'preview1', env: { LANG: 'C' }, preopens: { '/data': folder }, stdout })
  const instance = new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports)
  wasi.initialize(instance)
  return instance.exports as unknown as Exports
}

function createKernel(folder: string, stdout: number): Kernel {
  const host = createNodeHost({
    control: new ControlBlock(),
    stdin: { kind: 'empty' },
    stdout: createOutput(stdout),
  })
  const mount = { guest: '/data', kind: 'host', source: folder, readOnly: false, fs: openDirectory(folder) } as const
  return Kernel.create({ args: ['calls'], env: [], mounts: [mount] }, host)
}

function underKernel(module: WebAssembly.Module, folder: string, stdout: number): Exports {
  return instantiatePlain(module, createKernel(folder, stdout)).exports as unknown as Exports
}

function underEngine(prelinked: Uint8Array, original: Uint8Array, folder: string, stdout: number): Exports {
  const engine = instantiatePrelinked(new WebAssembly.Module(prelinked), original, createKernel(folder, stdout))
  const call = (name: string) => (times?: number) => {
    const outcome = engine.run({ kind: 'export', name }, times === undefined ? [] : [times])
    if (outcome.kind !== 'returned') throw new Error(`${name} ${outcome.kind}`)
    return outcome.value as number
  }
  return Object.fromEntries(engine.exports().map((name) => [name, call(name)]))
}
