import { invariant } from '../../wasm-shim/errors.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import {
  buildContinuations,
  type Continuations,
  type HostFunction,
  type PrelinkMetadata,
} from '../../wasm-shim/prelink/index.ts'
import type { ImportFunction } from '../intercept/interceptor.ts'
import type { StackState } from './engine.ts'

interface Linked {
  readonly continuations: Continuations
  readonly frames: WebAssembly.Table
}

/** Instances kept for the stacks seen last: a program that is captured again and again often stands at the same sites. */
const kept = 4

/** Builds the continuation module for a stack and links it to the running instance. */
export class ContinuationLinker {
  readonly #metadata: PrelinkMetadata
  readonly #original: () => Uint8Array
  readonly #host: Readonly<Record<HostFunction, ImportFunction>>
  readonly #imports: readonly ImportFunction[]
  readonly #export: (name: string) => WebAssembly.ExportValue
  readonly #cache = new Map<string, Linked>()
  #current: Linked | undefined

  constructor(
    metadata: PrelinkMetadata,
    original: () => Uint8Array,
    host: Readonly<Record<HostFunction, ImportFunction>>,
    imports: readonly ImportFunction[],
    exported: (name: string) => WebAssembly.ExportValue,
  ) {
    this.#metadata = metadata
    this.#original = original
    this.#host = host
    this.#imports = imports
    this.#export = exported
  }

  /** The table of continuations for this stack. */
  link(stack: StackState): WebAssembly.Table {
    const sites = [...new Set(stack.frames.map((frame) => frame.site))].sort((x, y) => x - y)
    const key = `${stack.call.import}:${sites.join()}`
    const linked = this.#cache.get(key) ?? this.#build(sites, stack.call.import)
    this.#cache.delete(key)
    this.#cache.set(key, linked)
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= kept) break
      this.#cache.delete(oldest)
    }
    this.#current = linked
    return linked.frames
  }

  slotOfSite(site: number): number {
    const slot = this.#current?.continuations.sites.get(site)
    invariant(slot !== undefined, `no continuation was built for call site ${site}`)
    return slot
  }

  slotOfCall(call: number): number {
    const slot = this.#current?.continuations.calls.get(call)
    invariant(slot !== undefined, `no continuation was built for import ${call}`)
    return slot
  }

  #build(sites: readonly number[], call: number): Linked {
    const metadata = this.#metadata
    const continuations = buildContinuations(readModule(this.#original()), metadata, sites, [call])
    const functions = this.#export('functions') as WebAssembly.Table
    const byIndex = (kind: string, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [i, this.#export(`${kind}.${i}`)]))
    const instance = new WebAssembly.Instance(new WebAssembly.Module(continuations.bytes), {
      host: this.#host,
      func: Object.fromEntries(
        continuations.functions.map((func) => [func, this.#imports[func] ?? functions.get(func)]),
      ),
      main: { functions },
      memory: byIndex('memory', metadata.memories),
      table: byIndex('table', metadata.tables.length),
      global: byIndex('global', metadata.globals),
      tag: { ...byIndex('tag', metadata.tags), unwind: this.#export('unwind') },
    })
    return { continuations, frames: instance.exports.frames as WebAssembly.Table }
  }
}
