// In the page of the browsers' row: runs programs plain and pre-linked in turns, and starts sessions of an image.

import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import type { RestoreOptions, StartOptions } from '../../runtime/session/options.ts'
import type { Session } from '../../runtime/session/session.ts'
import type { saveCheckpoint, saveModule } from '../../runtime/store/checkpoints.ts'
import type { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { ExitSignal, type Host } from '../../wasm-shim/wasi/host.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'

export interface PageGuest {
  readonly module: string
  readonly args: readonly string[]
  /** Text by path below its mount, by mount. */
  readonly mounts: Readonly<Record<string, Readonly<Record<string, string>>>>
}

interface Stasis {
  readonly MemoryStore: typeof MemoryStore
  readonly saveModule: typeof saveModule
  readonly saveCheckpoint: typeof saveCheckpoint
  readonly Session: {
    start(options: StartOptions & { readonly stdout: (bytes: Uint8Array) => void }): Promise<Session>
    restore(store: Store, name: string, options: RestoreOptions): Promise<Session>
  }
}

const nothing = { kind: 'pipe', read: () => 0, readable: () => 0, write: (bytes: Uint8Array) => bytes.length } as const
const nanoseconds = () => BigInt(Math.round(performance.now() * 1e6))

const host: Host = {
  clocks: { realtime: nanoseconds, monotonic: nanoseconds, cpuTime: nanoseconds, resolution: () => 1000n },
  random: (target) => void target.fill(4),
  stdin: nothing,
  stdout: nothing,
  stderr: nothing,
  wait: () => 'timeout',
}

function createKernel({ args, mounts }: PageGuest): Kernel {
  const opened = Object.entries(mounts).map(([guest, files]) => {
    const fs = MemoryFileSystem.create(nanoseconds)
    for (const [path, text] of Object.entries(files)) fs.put(path, new TextEncoder().encode(text))
    return { guest, kind: 'memory', readOnly: false, fs } as const
  })
  return Kernel.create({ args, env: [], mounts: opened }, host)
}

const fetched = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer())

function runPlain(module: WebAssembly.Module, guest: PageGuest): void {
  const kernel = createKernel(guest)
  const imports: WebAssembly.Imports = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    imports[from][name] = kernel.link(from, name)
  }
  const { exports } = new WebAssembly.Instance(module, imports)
  kernel.attach(() => exports.memory as WebAssembly.Memory)
  try {
    ;(exports._start as () => void)()
  } catch (thrown) {
    if (!(thrown instanceof ExitSignal)) throw thrown
  }
}

function runPrelinked(module: WebAssembly.Module, original: Uint8Array, guest: PageGuest): void {
  const kernel = createKernel(guest)
  const link = ({ module: from, name }: { readonly module: string; readonly name: string }) => kernel.link(from, name)!
  const options = { link, shouldCapture: () => false }
  const engine = createInstrumentedEngine({ module, original: () => original, options })
  kernel.attach(() => engine.memory())
  const outcome = engine.run({ kind: 'export', name: '_start' })
  if (outcome.kind === 'trapped') throw outcome.error
}

function timed(run: () => void): number {
  const began = performance.now()
  run()
  return performance.now() - began
}

const bench = {
  /** Milliseconds of runs in turns; the first of each, which compiles, is left out. */
  async overhead(guest: PageGuest, rounds: number) {
    const original = await fetched(guest.module)
    const plain = await WebAssembly.compile(original)
    const prelinked = await WebAssembly.compile(prelink(original, {}).bytes)
    const times = { plain: [] as number[], prelinked: [] as number[] }
    for (let round = -1; round < rounds; round++) {
      const one = timed(() => runPlain(plain, guest))
      const other = timed(() => runPrelinked(prelinked, original, guest))
      if (round < 0) continue
      times.plain.push(one)
      times.prelinked.push(other)
    }
    return times
  },

  /** Milliseconds that a program takes as a session, from its first instruction to its end. */
  async session({ module, args, mounts }: PageGuest): Promise<number> {
    const stasis = (await import('/dist/browser.js' as string)) as Stasis
    const encode = (text: string) => new TextEncoder().encode(text)
    const granted = Object.entries(mounts).map(([guest, files]) => ({
      guest,
      memory: true as const,
      files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, encode(text)])),
    }))
    const session = await stasis.Session.start({ module, args, mounts: granted, stdout: () => undefined })
    const began = performance.now()
    await session.done
    return performance.now() - began
  },

  /** Milliseconds from the bytes of module and image to the guest's first instruction. */
  async coldStart(module: string, sha256: string, image: string): Promise<number> {
    const stasis = (await import('/dist/browser.js' as string)) as Stasis
    const [moduleBytes, imageBytes] = [await fetched(module), await fetched(image)]
    const store = new stasis.MemoryStore()
    const began = performance.now()
    await stasis.saveModule(store, sha256, moduleBytes)
    await stasis.saveCheckpoint(store, 'cold', [imageBytes])
    const session = await stasis.Session.restore(store, 'cold', {})
    const milliseconds = performance.now() - began
    await session.terminate()
    return milliseconds
  },

  /** Milliseconds that compiling the pre-linked module takes by itself. */
  async compiling(module: string): Promise<number> {
    const { bytes } = prelink(await fetched(module), {})
    const began = performance.now()
    await WebAssembly.compile(bytes)
    return performance.now() - began
  },
}

export type BenchPage = typeof bench
Object.assign(globalThis, { bench, driver: bench })
