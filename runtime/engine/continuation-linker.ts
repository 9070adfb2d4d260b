import { invariant } from '../../wasm-shim/errors.ts'
import type { WasmModule } from '../../wasm-shim/module/model.ts'
import { readCodeContext } from '../../wasm-shim/module/read.ts'
import {
  buildContinuations,
  type ContinuationStart,
  functionOfSite,
  type HostFunction,
  type PrelinkMetadata,
} from '../../wasm-shim/prelink/index.ts'
import type { ImportFunction } from '../intercept/interceptor.ts'
import type { StackState } from './engine.ts'

/**
 * Bytes of continuation code kept for stacks to come. Two captures of one program share most frames, so that only the
 * sites not met before are built; an interpreter's main loop takes up to a megabyte a site, so that not all can be kept.
 */
const keptBytes = 16 * 1024 * 1024

/**
 * Keeps the continuations that a restored stack begins with, from one restore to the next; `key` says what they are for,
 * within what one pre-linker made of one module. `read` gives exactly the bytes that were written, or undefined.
 */
export interface ContinuationStore {
  read(key: string): Uint8Array | undefined
  write(key: string, bytes: Uint8Array): void
}

/** Builds the continuations that a stack needs and links them to the running instance. */
export class ContinuationLinker {
  readonly #metadata: PrelinkMetadata
  readonly #original: () => Uint8Array
  readonly #host: Readonly<Record<HostFunction, ImportFunction>>
  readonly #export: (name: string) => WebAssembly.ExportValue
  /** The parsed module, as long as memory allows. */
  #module: WeakRef<WasmModule> | undefined
  #frames = new WebAssembly.Table({ initial: 0, element: 'anyfunc' })
  #slots = new Map<string, number>()
  #bytes = 0

  constructor(
    metadata: PrelinkMetadata,
    original: () => Uint8Array,
    host: Readonly<Record<HostFunction, ImportFunction>>,
    exported: (name: string) => WebAssembly.ExportValue,
  ) {
    this.#metadata = metadata
    this.#original = original
    this.#host = host
    this.#export = exported
  }

  /** The table in which `slotOfSite` and `slotOfCall` find what this stack needs. `store` is for stacks from an image. */
  link(stack: StackState, store?: ContinuationStore): WebAssembly.Table {
    if (this.#bytes > keptBytes) {
      this.#frames = new WebAssembly.Table({ initial: 0, element: 'anyfunc' })
      this.#slots = new Map()
      this.#bytes = 0
    }
    const starts = new Map<string, ContinuationStart>()
    for (const { site } of stack.frames) if (!this.#slots.has(siteKey(site))) starts.set(siteKey(site), { site })
    const call = stack.call.import
    const calls = this.#slots.has(callKey(call)) ? [] : [call]
    if (starts.size + calls.length > 0) this.#build(starts, calls, store)
    return this.#frames
  }

  slotOfSite(site: number): number {
    return this.#slot(siteKey(site))
  }

  slotOfCall(call: number): number {
    return this.#slot(callKey(call))
  }

  /** A loop with a call site in it; built when it is first asked for, which many are not before the program ends. */
  slotOfLoop(site: number, loop: number): number {
    const key = `loop ${functionOfSite(this.#metadata, site)} ${loop}`
    if (!this.#slots.has(key)) this.#build(new Map([[key, { site, loop }]]), [])
    return this.#slot(key)
  }

  #slot(key: string): number {
    const slot = this.#slots.get(key)
    invariant(slot !== undefined, `no continuation was built for ${key}`)
    return slot
  }

  #parse(): WasmModule {
    let module = this.#module?.deref()
    if (module === undefined) {
      module = readCodeContext(this.#original())
      this.#module = new WeakRef(module)
    }
    return module
  }

  #build(starts: ReadonlyMap<string, ContinuationStart>, calls: readonly number[], store?: ContinuationStore): void {
    const metadata = this.#metadata
    const slot = this.#frames.length
    const keys = [...starts.keys(), ...calls.map(callKey)]
    const key = `${keys.join()} at ${slot}`
    let bytes = store?.read(key)
    if (bytes === undefined) {
      bytes = buildContinuations(this.#parse(), metadata, [...starts.values()], calls, slot)
      store?.write(key, bytes)
    }
    this.#frames.grow(starts.size + calls.length)
    const all = this.#export('functions') as WebAssembly.Table
    const byIndex = (kind: string, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [i, this.#export(`${kind}.${i}`)]))
    new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      host: this.#host,
      main: { functions: all, frames: this.#frames },
      memory: byIndex('memory', metadata.memories),
      table: byIndex('table', metadata.tables.length),
      global: byIndex('global', metadata.globals),
      tag: { ...byIndex('tag', metadata.tags), unwind: this.#export('unwind') },
    })
    this.#bytes += bytes.length
    keys.forEach((each, i) => {
      this.#slots.set(each, slot + i)
    })
  }
}

const siteKey = (site: number): string => `site ${site}`
const callKey = (call: number): string => `call ${call}`
