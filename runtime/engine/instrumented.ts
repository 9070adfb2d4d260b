/**
 * The default engine (D2, D3, D12): runs a pre-linked module, captures its stack by an exception that starts in an
 * import, and resumes it by continuations, in the same instance or in a fresh one.
 */
import { StasisError } from '../../wasm-shim/errors.ts'
import {
  decodeMetadata,
  type HostFunction,
  hostFunctionNames,
  metadataSection,
  type PrelinkMetadata,
} from '../../wasm-shim/prelink/index.ts'
import { ExitSignal, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import type { ImportFunction, ImportSite } from '../intercept/interceptor.ts'
import { encodeArguments } from './arguments.ts'
import { ContinuationLinker, type ContinuationStore } from './continuation-linker.ts'
import type {
  Engine,
  EngineOptions,
  Entry,
  Frame,
  InstanceState,
  MemoryState,
  PendingCall,
  RunOutcome,
  SparseMemory,
  StackState,
} from './engine.ts'
import { bridgeHostFunctions } from './host-bridge.ts'
import { type Gate, interceptImport } from './intercept-import.ts'
import { type Adoption, provideInstance } from './provide-instance.ts'
import { References } from './references.ts'
import { defaultStackReserve, tooDeep } from './stack-probe.ts'
import { WordList } from './words.ts'

export interface InstrumentedEngineInit {
  /** Compiled from pre-linked bytes. */
  readonly module: WebAssembly.Module
  /** The unmodified module's bytes; asked for only when a stack is resumed. */
  readonly original: () => Uint8Array
  /** Kept for this `module`. Absent: what a restored stack needs is built each time. */
  readonly continuations?: ContinuationStore | undefined
  readonly options: EngineOptions
  /** Default: the engine makes an instance. */
  readonly adopt?: Adoption
}

/** Throws STASIS_PRELINK_MISSING, STASIS_PRELINK_DAMAGED, and WebAssembly.LinkError for what `options` do not provide. */
export function createInstrumentedEngine(init: InstrumentedEngineInit): Engine {
  const [section] = WebAssembly.Module.customSections(init.module, metadataSection)
  if (section === undefined)
    throw new StasisError('STASIS_PRELINK_MISSING', 'The module was not pre-linked: pass it through prelink() first.')
  return new InstrumentedEngine(init, decodeMetadata(new Uint8Array(section)))
}

/** Why our exception is travelling: imports throw it for exits and failures too, since a guest's catch_all lets it pass. */
type Unwinding =
  | { readonly kind: 'capture'; readonly entry: Entry; readonly call: PendingCall }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'failure'; readonly error: unknown }

class InstrumentedEngine implements Engine {
  readonly kind = 'instrumented'
  readonly hasStart: boolean
  readonly #metadata: PrelinkMetadata
  readonly #options: EngineOptions
  readonly #instance: WebAssembly.Instance
  readonly #tag: WebAssembly.Tag
  readonly #references: References
  readonly #linker: ContinuationLinker
  readonly #continuations: ContinuationStore | undefined
  readonly #words = new WordList()
  readonly #gate: Gate
  /** Call site and first word of each frame saved so far, in turn. */
  readonly #begun: number[] = []
  #unwinding: Unwinding | undefined
  #refused: StasisError | undefined
  #isRestored = false
  #entry: Entry | undefined
  #reading: { readonly stack: StackState; frame: number; words: Uint32Array; at: number } | undefined

  constructor({ module, original, continuations, options, adopt }: InstrumentedEngineInit, metadata: PrelinkMetadata) {
    this.#metadata = metadata
    this.#continuations = continuations
    this.#options = options
    this.hasStart = metadata.hasStart
    this.#gate = {
      hostDepth: 0,
      shouldCapture: options.shouldCapture,
      capture: (site, args) => this.#captureIfPossible(site, args),
      hostThrew: (thrown) => this.#hostThrew(thrown),
    }
    const host = this.#hostFunctions()
    const intercept = (site: ImportSite) => interceptImport(this.#gate, site, options.link(site))
    this.#instance = provideInstance(module, metadata, intercept, options.extern, adopt)
    this.#tag = this.#export('unwind') as WebAssembly.Tag
    this.#references = new References(this.#export('functions') as WebAssembly.Table, metadata.functions)
    const bridge = bridgeHostFunctions(host)
    const hostTable = this.#export('host') as WebAssembly.Table
    hostFunctionNames.forEach((name, slot) => {
      hostTable.set(slot, bridge[name])
    })
    this.#linker = new ContinuationLinker(metadata, original, host, (name) => this.#export(name))
  }

  #export(name: string): WebAssembly.ExportValue {
    return this.#instance.exports[this.#metadata.prefix + name] as WebAssembly.ExportValue
  }

  memory(): WebAssembly.Memory {
    return this.#export('memory.0') as WebAssembly.Memory
  }

  exports(): readonly string[] {
    const { prefix } = this.#metadata
    return Object.keys(this.#instance.exports).filter((name) => !name.startsWith(prefix))
  }

  #hostThrew(thrown: unknown): void {
    if (thrown instanceof WaitInterrupted) return
    if (this.#unwinding !== undefined || thrown instanceof WebAssembly.Exception) throw thrown
    this.#unwind(
      thrown instanceof ExitSignal ? { kind: 'exit', code: thrown.code } : { kind: 'failure', error: thrown },
    )
  }

  /** Refusals come before anything is unwound (D5); what cannot be saved is found while unwinding and resumed in place. */
  #captureIfPossible(site: ImportSite | 'poll', args: readonly unknown[]): void {
    const refused =
      this.#gate.hostDepth > 0 ? hostFrames(site) : tooDeep(this.#options.stackReserve ?? defaultStackReserve)
    if (refused === undefined) this.#capture(site, args)
    this.#options.onRefused?.(refused)
  }

  #capture(site: ImportSite | 'poll', args: readonly unknown[]): never {
    this.#words.clear()
    this.#begun.length = 0
    this.#refused = undefined
    this.#references.releaseForeign()
    const call: PendingCall =
      site === 'poll'
        ? { import: -1, args: noWords }
        : { import: site.index, args: encodeArguments(site, args, this.#references, (reason) => this.#refuse(reason)) }
    return this.#unwind({ kind: 'capture', entry: this.#entry as Entry, call })
  }

  #unwind(why: Unwinding): never {
    this.#unwinding = why
    throw new WebAssembly.Exception(this.#tag, [])
  }

  #refuse(error: StasisError): void {
    this.#refused ??= error
  }

  #hostFunctions(): Readonly<Record<HostFunction, ImportFunction>> {
    const words = this.#words
    const get32 = () => {
      const reading = this.#reading
      if (reading === undefined || reading.at >= reading.words.length) throw damagedStack('a frame is too short')
      return reading.words[reading.at++]
    }
    return {
      begin: (site: number) => {
        this.#begun.push(site, words.length)
      },
      put32: (word: number) => words.push(word),
      putFunc: (func: unknown) => words.push(this.#references.save(func, (error) => this.#refuse(error))),
      putExtern: (value: unknown) => words.push(this.#references.save(value, (error) => this.#refuse(error))),
      putForeignException: () => {
        words.push(0)
        this.#refuse(
          new StasisError(
            'STASIS_CAPTURE_EXCEPTION',
            'A foreign exception is in flight, which a checkpoint cannot hold. Take it a moment later.',
          ),
        )
      },
      get32,
      getFunc: () => this.#references.load(get32() as number),
      getExtern: () => this.#references.load(get32() as number),
      poll: () => {
        if (this.#options.shouldCapture('poll')) this.#captureIfPossible('poll', [])
      },
      next: () => this.#nextFrame(),
      loop: (loop: number) => this.#enterLoop(loop),
    }
  }

  run(entry: Entry, args: readonly unknown[] = []): RunOutcome {
    const name = entry.kind === 'start' ? 'start' : entry.name
    const func = entry.kind === 'start' ? this.#export('start') : this.#instance.exports[name]
    if (typeof func !== 'function')
      throw new StasisError('STASIS_EXPORT_MISSING', `The module exports no function '${name}'.`, { name })
    return this.#enter(entry, () => func(...args))
  }

  resume(stack: StackState): RunOutcome {
    const frames = this.#linker.link(stack, this.#isRestored ? this.#continuations : undefined)
    this.#isRestored = false
    return this.#enter(stack.entry, () => {
      this.#reading = { stack, frame: stack.frames.length, words: noWords, at: 0 }
      const outermost = frames.get(this.#nextFrame()) as () => unknown
      return outermost()
    })
  }

  /** Turns to the frame inside the current one (or to the pending call) and returns its place among the continuations. */
  #nextFrame(): number {
    const reading = this.#reading
    if (reading === undefined) throw damagedStack('it is entered a second time')
    reading.frame--
    reading.at = 0
    if (reading.frame >= 0) {
      const frame = reading.stack.frames[reading.frame] as Frame
      reading.words = frame.words
      return this.#linker.slotOfSite(frame.site)
    }
    this.#options.onResumed?.()
    reading.words = reading.stack.call.args
    return this.#linker.slotOfCall(reading.stack.call.import)
  }

  /** Takes what a continuation has put for the loop, to be read by that, and returns its place among the continuations. */
  #enterLoop(loop: number): number {
    const begin = this.#begun.pop() as number
    const site = this.#begun.pop() as number
    const words = this.#words.slice(begin, this.#words.length)
    this.#words.length = begin
    this.#reading = { stack: noStack, frame: -1, words, at: 0 }
    try {
      return this.#linker.slotOfLoop(site, loop)
    } catch (error) {
      return this.#unwind({ kind: 'failure', error })
    }
  }

  #enter(entry: Entry, call: () => unknown): RunOutcome {
    if (this.#entry !== undefined) return { kind: 'returned', value: call() }
    this.#entry = entry
    this.#unwinding = undefined
    try {
      return { kind: 'returned', value: call() }
    } catch (thrown) {
      return this.#outcome(thrown)
    } finally {
      this.#entry = undefined
      this.#reading = undefined
    }
  }

  #outcome(thrown: unknown): RunOutcome {
    const unwinding = this.#unwinding as Unwinding | undefined
    this.#unwinding = undefined
    const ours = thrown instanceof WebAssembly.Exception && thrown.is(this.#tag)
    if (!ours || unwinding === undefined) return { kind: 'trapped', error: thrown }
    switch (unwinding.kind) {
      case 'exit':
        return { kind: 'exited', code: unwinding.code }
      case 'failure':
        return { kind: 'trapped', error: unwinding.error }
      case 'capture': {
        const stack = { entry: unwinding.entry, call: unwinding.call, frames: this.#takeFrames() }
        return { kind: 'captured', stack, ...(this.#refused && { refused: this.#refused }) }
      }
    }
  }

  #takeFrames(): Frame[] {
    const frames: Frame[] = []
    for (let i = 0; i < this.#begun.length; i += 2) {
      const end = this.#begun[i + 3] ?? this.#words.length
      frames.push({
        instance: 0,
        site: this.#begun[i] as number,
        words: this.#words.slice(this.#begun[i + 1] as number, end),
      })
    }
    return frames
  }

  /** Throws STASIS_CAPTURE_REFERENCE where a global or table holds what cannot be saved. */
  save(): InstanceState {
    const { memories, tables } = this.#metadata
    this.#words.clear()
    this.#refused = undefined
    ;(this.#export('save_globals') as () => void)()
    if (this.#refused !== undefined) throw this.#refused
    return {
      memories: Array.from({ length: memories }, (_, i) => {
        const memory = this.#export(`memory.${i}`) as WebAssembly.Memory
        return { bytes: new Uint8Array(memory.buffer), memory }
      }),
      globals: this.#words.slice(0, this.#words.length),
      tables: Array.from(tables, (changes, i) =>
        changes ? this.#references.saveTable(this.#export(`table.${i}`) as WebAssembly.Table) : undefined,
      ),
    }
  }

  restore(state: InstanceState): void {
    this.#isRestored = true
    state.memories.forEach((saved, i) => {
      restoreMemory(this.#export(`memory.${i}`) as WebAssembly.Memory, saved)
    })
    state.tables.forEach((elements, i) => {
      if (elements) this.#references.restoreTable(this.#export(`table.${i}`) as WebAssembly.Table, elements)
    })
    this.#reading = { stack: noStack, frame: 0, words: state.globals, at: 0 }
    ;(this.#export('load_globals') as () => void)()
    this.#reading = undefined
  }
}

/** New memory is zero, and costs a page fault where it is written to: pages of zeros are left alone. */
function restoreMemory(memory: WebAssembly.Memory, saved: MemoryState): void {
  const size = isSparse(saved) ? saved.size : saved.bytes.length
  const used = memory.buffer.byteLength
  const missing = (size - used) / wasmPage
  if (missing > 0) growMemory(memory, missing)
  const target = new Uint8Array(memory.buffer)
  if (isSparse(saved)) saved.copyTo(target, used)
  else target.set(saved.bytes)
  target.fill(0, size)
}

function isSparse(memory: MemoryState): memory is SparseMemory {
  return 'copyTo' in memory
}

/** A 64-bit memory counts its pages in BigInt; nothing but the refusal of a number tells which memory is one. */
function growMemory(memory: WebAssembly.Memory, pages: number): void {
  try {
    memory.grow(pages)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    memory.grow(BigInt(pages))
  }
}

const wasmPage = 65536
const noWords = new Uint32Array(0)
const noStack: StackState = { entry: { kind: 'start' }, call: { import: -1, args: noWords }, frames: [] }

function hostFrames(site: ImportSite | 'poll'): StasisError {
  const where = site === 'poll' ? 'a loop' : `${site.module}.${site.name}`
  return new StasisError(
    'STASIS_CAPTURE_HOST_FRAME',
    `No checkpoint can be taken in ${where}: a host function called back into the guest and has not returned. Take it before or after that call.`,
  )
}

function damagedStack(what: string): StasisError {
  return new StasisError(
    'STASIS_STACK_DAMAGED',
    `The saved stack does not fit the module: ${what}. The checkpoint is damaged or belongs to another module.`,
  )
}
