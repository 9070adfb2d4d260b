import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { openDirectory } from '../host-node/directory.ts'
import { createNodeHost } from '../host-node/host.ts'
import type { CaptureDecision, Engine } from '../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../runtime/engine/instrumented.ts'
import type { ImportSite } from '../runtime/intercept/interceptor.ts'
import { ControlBlock } from '../runtime/session/control-block.ts'
import { MemoryFileSystem } from '../wasm-shim/wasi/fs/memory.ts'
import { ExitSignal, type HostStream } from '../wasm-shim/wasi/host.ts'
import { Kernel, type Mount, type WasiImport } from '../wasm-shim/wasi/kernel.ts'

/** A program's world as a child process is told of it. */
export interface Guest {
  /** argv[0] first. */
  readonly args: readonly string[]
  /** Host directories by guest name. */
  readonly mounts: Readonly<Record<string, string>>
}

export const environment: readonly (readonly [string, string])[] = [
  ['PYTHONHASHSEED', '0'],
  ['PYTHONDONTWRITEBYTECODE', '1'],
]

export interface World {
  readonly output: Output
  /** A process that has not run yet. */
  readonly create: () => Kernel
  /** One that goes on. */
  readonly restore: (state: Uint8Array) => Kernel
}

export function createWorld(guest: Guest): World {
  const output = new Output()
  const host = createNodeHost({
    control: new ControlBlock(),
    stdin: { kind: 'empty' },
    stdout: output.stream,
    stderr: output.stream,
  })
  const mounts = Object.entries(guest.mounts).map(
    ([name, path]): Mount => ({ guest: name, kind: 'host', source: path, readOnly: false, fs: openDirectory(path) }),
  )
  const memoryFileSystem = (saved: Uint8Array | undefined) => MemoryFileSystem.restore(saved!, host.clocks.realtime)
  return {
    output,
    create: () => Kernel.create({ args: guest.args, env: environment, mounts }, host),
    restore: (state) => Kernel.restore(state, { mounts, memoryFileSystem }, host),
  }
}

/** What the guest prints, kept to compare the variants' outputs. */
export class Output {
  readonly #parts: Uint8Array[] = []
  readonly stream: HostStream = {
    kind: 'pipe',
    read: () => 0,
    readable: () => 0,
    write: (source) => {
      this.#parts.push(source.slice())
      return source.length
    },
  }

  /** Hash of the output since the last time, without speedtest1's times. */
  digest(): string {
    const text = Buffer.concat(this.#parts)
      .toString('utf8')
      .replace(/\d+\.\d{3}s/g, '~')
    this.#parts.length = 0
    return createHash('sha256').update(text).digest('hex')
  }
}

export type Link = (site: Pick<ImportSite, 'module' | 'name'>) => WasiImport

export const linkTo =
  (kernel: Kernel): Link =>
  ({ module, name }) => {
    const found = kernel.link(module, name)
    if (found === undefined) throw new Error(`${module}.${name} is no WASI function`)
    return found
  }

/** The unmodified module, which calls the kernel with nothing between. */
export function instantiatePlain(module: WebAssembly.Module, kernel: Kernel, link = linkTo(kernel)) {
  const imports: WebAssembly.Imports = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    imports[from][name] = link({ module: from, name })
  }
  const instance = new WebAssembly.Instance(module, imports)
  kernel.attach(() => instance.exports['memory'] as WebAssembly.Memory)
  return instance
}

/** The exit code. */
export function startPlain(instance: WebAssembly.Instance): number {
  try {
    ;(instance.exports['_start'] as () => void)()
    return 0
  } catch (thrown) {
    if (thrown instanceof ExitSignal) return thrown.code
    throw thrown
  }
}

export function instantiatePrelinked(
  module: WebAssembly.Module,
  original: Uint8Array,
  kernel: Kernel,
  shouldCapture: CaptureDecision = wantsNothing(),
  link = linkTo(kernel),
): Engine {
  const engine = createInstrumentedEngine({ module, original: () => original, options: { link, shouldCapture } })
  kernel.attach(() => engine.memory())
  return engine
}

/** What a session's decision costs while nobody asks for a checkpoint. */
function wantsNothing(): CaptureDecision {
  const control = new ControlBlock()
  return () => control.pending !== 0
}

/** The exit code. Throws what a trap threw. */
export function startPrelinked(engine: Engine): number {
  if (engine.hasStart) engine.run({ kind: 'start' })
  const outcome = engine.run({ kind: 'export', name: '_start' })
  switch (outcome.kind) {
    case 'returned':
      return 0
    case 'exited':
      return outcome.code
    case 'trapped':
      throw outcome.error
    case 'captured':
      throw new Error('nobody asked for a checkpoint')
  }
}

export const readBytes = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(path))
