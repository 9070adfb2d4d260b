/**
 * The engine for what the pre-linker refuses, and the oracle for what it does (D12): runs the module's own code. It
 * captures nothing; a session is restored by making the calls of its log again from the first one on.
 */
import { StasisError } from '../../wasm-shim/errors.ts'
import type { Export, FuncType } from '../../wasm-shim/module/model.ts'
import { type ModuleOutline, type OutlineImport, readOutline, withExports } from '../../wasm-shim/module/outline.ts'
import { ExitSignal, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import type { Engine, EngineOptions, Entry, InstanceState, RunOutcome } from './engine.ts'
import { type Gate, interceptImport } from './intercept-import.ts'
import { captureLogOnly } from './log-only-error.ts'
import { trap } from './trap.ts'

/** What can be seen of an instance from outside, by index in the module: all memories, and numbers in globals that it exports. */
export interface ObservedState {
  readonly memories: readonly Uint8Array[]
  readonly globals: ReadonlyMap<number, number | bigint>
}

export interface LogOnlyEngine extends Engine {
  readonly kind: 'log-only'
  /** Views, not copies. */
  observe(): ObservedState
}

interface Prepared {
  readonly module: WebAssembly.Module
  readonly outline: ModuleOutline
  readonly hidden: readonly Export[]
}

/**
 * Compiles the module, once, for any number of instances. Its code is left alone; memories that it does not export are
 * exported, and the start function is, so that it runs when there is a memory for its calls (node:wasi answers such calls
 * with ERR_WASI_NOT_STARTED). Throws STASIS_MODULE_MALFORMED, STASIS_MODULE_UNSUPPORTED, STASIS_MODULE_INVALID.
 */
export function prepareLogOnly(bytes: Uint8Array): (options: EngineOptions) => LogOnlyEngine {
  const outline = readOutline(bytes)
  const hidden = hiddenParts(outline)
  const prepared = { module: compile(hidden.length > 0 ? withExports(bytes, hidden) : bytes), outline, hidden }
  return (options) => new Instance(prepared, options)
}

function hiddenParts({ exports, memories, start }: ModuleOutline): readonly Export[] {
  const names = new Set(exports.map(({ name }) => name))
  const free = (wanted: string): string => (names.has(wanted) ? free(`${wanted}'`) : wanted)
  const shown = new Set(exports.filter(({ kind }) => kind === 'memory').map(({ index }) => index))
  const missing = memories.flatMap((_, index): Export[] =>
    shown.has(index) ? [] : [{ name: free(`stasis.memory.${index}`), kind: 'memory', index }],
  )
  return start === undefined ? missing : [...missing, { name: free('stasis.start'), kind: 'func', index: start }]
}

function compile(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `This host cannot run the module: ${reason}. Use a newer one, or compile the program without what it lacks.`
    throw new StasisError('STASIS_MODULE_INVALID', message, {}, { cause })
  }
}

/** Why a trap of ours is travelling. */
interface Ending {
  readonly signal: unknown
  readonly outcome: RunOutcome
}

class Instance implements LogOnlyEngine {
  readonly kind = 'log-only'
  readonly hasStart: boolean
  readonly #prepared: Prepared
  readonly #options: EngineOptions
  readonly #instance: WebAssembly.Instance
  /** By index. */
  readonly #memories: readonly WebAssembly.Memory[]
  #ending: Ending | undefined
  #isRunning = false

  constructor(prepared: Prepared, options: EngineOptions) {
    const { module, outline, hidden } = prepared
    this.#prepared = prepared
    this.#options = options
    this.hasStart = outline.start !== undefined
    this.#instance = new WebAssembly.Instance(module, this.#imports())
    const all = [...outline.exports, ...hidden].filter(({ kind }) => kind === 'memory')
    const memories: WebAssembly.Memory[] = []
    for (const { name, index } of all) memories[index] = this.#instance.exports[name] as WebAssembly.Memory
    this.#memories = memories
  }

  #imports(): WebAssembly.Imports {
    const gate: Gate = {
      hostDepth: 0,
      shouldCapture: this.#options.shouldCapture,
      capture: () => this.#refuse(),
      hostThrew: (thrown) => this.#hostThrew(thrown),
    }
    const imports: WebAssembly.Imports = {}
    const known = new Map<string, FuncType>()
    let index = 0
    for (const item of this.#prepared.outline.imports) {
      const { module, name, type } = item
      imports[module] ??= {}
      if (type === undefined) imports[module][name] = this.#options.extern?.(module, name)
      else {
        const key = JSON.stringify([module, name])
        checkSame(item, known.get(key))
        const site = { index: index++, module, name, params: type.params, results: type.results }
        if (!known.has(key)) imports[module][name] = interceptImport(gate, site, this.#options.link(site))
        known.set(key, type)
      }
    }
    return imports
  }

  /** Of a module without memory an empty one, in which nothing fits. */
  memory(): WebAssembly.Memory {
    return this.#memories[0] ?? noMemory
  }

  exports(): readonly string[] {
    const hidden = new Set(this.#prepared.hidden.map(({ name }) => name))
    return Object.keys(this.#instance.exports).filter((name) => !hidden.has(name))
  }

  #refuse(): void {
    try {
      this.#options.onRefused?.(captureLogOnly())
    } catch (error) {
      this.#end({ kind: 'trapped', error })
    }
  }

  #hostThrew(thrown: unknown): void {
    if (thrown instanceof WaitInterrupted) return
    if (thrown === this.#ending?.signal || thrown instanceof WebAssembly.Exception) throw thrown
    this.#end(thrown instanceof ExitSignal ? { kind: 'exited', code: thrown.code } : { kind: 'trapped', error: thrown })
  }

  /** By a trap, since a guest's catch_all would catch whatever JavaScript throws. */
  #end(outcome: RunOutcome): never {
    const signal = trap()
    this.#ending = { signal, outcome }
    throw signal
  }

  run(entry: Entry, args: readonly unknown[] = []): RunOutcome {
    const name = entry.kind === 'start' ? this.#prepared.hidden.at(-1)!.name : entry.name
    const func = this.#instance.exports[name]
    if (typeof func !== 'function')
      throw new StasisError('STASIS_EXPORT_MISSING', `The module exports no function '${name}'.`, { name })
    if (this.#isRunning) return { kind: 'returned', value: func(...args) }
    this.#isRunning = true
    this.#ending = undefined
    try {
      return { kind: 'returned', value: func(...args) }
    } catch (error) {
      const ending = this.#ending as Ending | undefined
      return ending !== undefined && error === ending.signal ? ending.outcome : { kind: 'trapped', error }
    } finally {
      this.#isRunning = false
    }
  }

  observe(): ObservedState {
    const globals = new Map<number, number | bigint>()
    for (const { name, kind, index } of this.#prepared.outline.exports) {
      if (kind !== 'global') continue
      const value = numberOf(this.#instance.exports[name] as WebAssembly.Global)
      if (value !== undefined) globals.set(index, value)
    }
    return { memories: this.#memories.map(({ buffer }) => new Uint8Array(buffer)), globals }
  }

  resume(): RunOutcome {
    throw captureLogOnly()
  }

  save(): InstanceState {
    throw captureLogOnly()
  }

  restore(): void {
    throw captureLogOnly()
  }
}

const noMemory = new WebAssembly.Memory({ initial: 0 })

/** undefined for references, and for vectors and exceptions, which JavaScript cannot read at all. */
function numberOf(global: WebAssembly.Global): number | bigint | undefined {
  try {
    const { value } = global
    return typeof value === 'number' || typeof value === 'bigint' ? value : undefined
  } catch {
    return undefined
  }
}

/** A name imported twice: JavaScript has one place for both, and one function cannot have two types. */
function checkSame({ module, name, type }: OutlineImport, before: FuncType | undefined): void {
  if (before === undefined || JSON.stringify(before) === JSON.stringify(type)) return
  const message = `The module imports ${module}.${name} with two different types, which only the instrumented engine can provide.`
  throw new StasisError('STASIS_IMPORT_TWICE', message, { module, name })
}
