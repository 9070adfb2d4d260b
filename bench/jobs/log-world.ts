import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { WASI as NodeWasi } from 'node:wasi'
import { openDirectory } from '../../host-node/directory.ts'
import { createNodeHost } from '../../host-node/host.ts'
import { FileLogStorage } from '../../host-node/log-storage.ts'
import { createOutput } from '../../host-node/streams.ts'
import type { Engine } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { compose, type Interceptor } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { recover } from '../../runtime/intercept/recover.ts'
import { SegmentedLog } from '../../runtime/log/segmented-log.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { ControlBlock } from '../../runtime/session/control-block.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { environment, linkTo, readBytes } from '../world.ts'

/** A program whose calls are logged, or not. */
export interface LogGuest {
  readonly module: string
  readonly prelinked: string
  readonly args: readonly string[]
  /** Host directories by guest name. */
  readonly mounts: Readonly<Record<string, string>>
  readonly env?: readonly (readonly [string, string])[]
  /** Called instead of _start, with these arguments, after `open` where there is one. */
  readonly entry?: { readonly name: string; readonly args: readonly number[] }
}

const session = '0f8fad5b-d9cb-469f-a165-70867728950e'
const segment = '0-0f8fad5b.log'

/** One module in one process, and the ways to run it. Each run has an instance and a kernel of its own. */
export class LogWorld {
  readonly #guest: LogGuest
  readonly #plain: WebAssembly.Module
  readonly #prelinked: WebAssembly.Module
  readonly #original: Uint8Array
  readonly #sink = openSync('/dev/null', 'w')
  /** Lengths of what was appended to the log, in the last run with one. */
  readonly #blocks: number[] = []
  /** Where the log lies. */
  readonly #folder: string
  readonly #WASI: typeof NodeWasi

  constructor(guest: LogGuest, folder: string, WASI: typeof NodeWasi) {
    this.#guest = guest
    this.#folder = folder
    this.#WASI = WASI
    this.#original = readBytes(guest.module)
    this.#plain = new WebAssembly.Module(this.#original)
    this.#prelinked = new WebAssembly.Module(readBytes(guest.prelinked))
  }

  #kernel(logging: { notes?: boolean; replay?: boolean }): Kernel {
    const host = createNodeHost({
      control: new ControlBlock(),
      stdin: { kind: 'empty' },
      stdout: createOutput(this.#sink),
      stderr: createOutput(this.#sink),
    })
    const mounts = Object.entries(this.#guest.mounts).map(
      ([name, path]): Mount => ({ guest: name, kind: 'host', source: path, readOnly: false, fs: openDirectory(path) }),
    )
    const { args, env = environment } = this.#guest
    return Kernel.create({ args, env, mounts, ...logging }, host)
  }

  #engine(kernel: Kernel, interceptor?: (memory: () => WebAssembly.Memory) => Interceptor): Engine {
    const control = new ControlBlock()
    const memory = () => engine.memory()
    const link = linkTo(kernel)
    const interceptors = interceptor === undefined ? [] : [interceptor(memory)]
    const engine: Engine = createInstrumentedEngine({
      module: this.#prelinked,
      original: () => this.#original,
      options: {
        link: (site) => compose(interceptors, link(site), site),
        shouldCapture: () => control.pending !== 0,
      },
    })
    kernel.attach(memory)
    return engine
  }

  #starter(engine: Engine): () => void {
    const { entry } = this.#guest
    const run = (name: string, args: readonly number[]) => {
      const outcome = engine.run({ kind: 'export', name }, args)
      if (outcome.kind === 'trapped') throw outcome.error
      if (outcome.kind === 'captured' || (outcome.kind === 'exited' && outcome.code !== 0)) {
        throw new Error(`${name} ended with ${JSON.stringify(outcome)}`)
      }
    }
    if (entry === undefined) return () => run('_start', [])
    if (engine.exports().includes('open')) run('open', [])
    return () => run(entry.name, entry.args)
  }

  /** Each gives the run to be timed, everything else being done. */
  withoutLog(): () => void {
    const kernel = this.#kernel({})
    const start = this.#starter(this.#engine(kernel))
    return () => {
      start()
      kernel.close()
    }
  }

  withLog(): () => void {
    rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(this.#folder, { recursive: true })
    const storage = new FileLogStorage({ kind: 'directory', path: this.#folder })
    const kernel = this.#kernel({ notes: true })
    const file = storage.open(segment, 0)
    this.#blocks.length = 0
    const sink = (block: Uint8Array) => {
      this.#blocks.push(block.length)
      file.append(block)
    }
    const writer = new LogWriter({ session, sink, chunks: storage.chunks })
    const notes = (module: string, name: string) => kernel.notes(module, name)
    const start = this.#starter(this.#engine(kernel, (memory) => record(writer, { memory, notes })))
    return () => {
      start()
      writer.commit()
      file.close()
      kernel.close()
      this.calls = writer.calls
      this.bytes = writer.bytes
    }
  }

  /** Of the last run with a log. */
  calls = 0
  bytes = 0

  /** What no log can do without: the bytes of the last run's log, copied once and written in as many pieces, by node:fs. */
  bytesAlone(): () => void {
    const bytes = this.log()
    const copy = new Uint8Array(Math.max(0, ...this.#blocks))
    const fd = openSync(join(this.#folder, 'alone'), 'w')
    return () => {
      let at = 0
      for (const length of this.#blocks) {
        copy.set(bytes.subarray(at, at + length))
        writeSync(fd, copy, 0, length, at)
        at += length
      }
      closeSync(fd)
    }
  }

  /** The last run with a log, made again by it, as a restore does. */
  again(): () => void {
    const storage = new FileLogStorage({ kind: 'directory', path: this.#folder })
    const source = new SegmentedLog(storage, session, [{ name: segment, firstCall: 0 }], 0)
    const kernel = this.#kernel({ notes: true, replay: true })
    const goOn = (): LogWriter => {
      throw new Error('the log was not long enough')
    }
    const interceptor = (memory: () => WebAssembly.Memory) =>
      recover(source, { memory, chunks: storage.chunks, kernel, goOn })
    const start = this.#starter(this.#engine(kernel, interceptor))
    return () => {
      start()
      kernel.close()
    }
  }

  underNodeWasi(): () => void {
    const { args, mounts, env = environment, entry } = this.#guest
    const wasi = new this.#WASI({
      version: 'preview1',
      args: [...args],
      env: Object.fromEntries(env),
      preopens: mounts,
      stdout: this.#sink,
      stderr: this.#sink,
      returnOnExit: true,
    })
    const instance = new WebAssembly.Instance(this.#plain, wasi.getImportObject() as WebAssembly.Imports)
    if (entry === undefined) return () => void wasi.start(instance)
    wasi.initialize(instance)
    const exports = instance.exports as unknown as Record<string, (...args: readonly number[]) => number>
    exports['open']?.()
    return () => void exports[entry.name]!(...entry.args)
  }

  /** Of the last run with one. */
  log(): Uint8Array {
    return readBytes(join(this.#folder, segment))
  }

  dispose(): void {
    closeSync(this.#sink)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
