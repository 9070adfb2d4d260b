// Runs a fixture as it is, and pre-linked with captures on the way; tells what could be seen from outside.
import { createHash } from 'node:crypto'
import type { ContinuationStore } from '../../runtime/engine/continuation-linker.ts'
import type { Engine, Entry, InstanceState, RunOutcome } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { isStasisError } from '../../wasm-shim/errors.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { type PollMode, prelink, prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import type { Fixture } from './fixture.ts'

export interface Report {
  /** Import calls with their arguments, and how each call of an export ended. */
  readonly trace: readonly string[]
  /** SHA-256 of the memories that the module exports, by name. */
  readonly memories: Readonly<Record<string, string>>
  /** Of the pre-linked module: memories, globals and tables at the end, hidden ones included. */
  readonly state?: string
  readonly captures: number
  readonly frames: number
  readonly refusals: readonly string[]
}

export type Encoding = 'legacy' | 'exnref' | 'auto'

export interface DriveOptions {
  readonly polls?: PollMode
  /** Capture at every k-th call or poll. */
  readonly every?: number
  /** Restore in a fresh instance, through an encoded image. Else in place. */
  readonly fresh?: boolean
  /** Capture again right after each restore. */
  readonly twice?: boolean
  /** Exception encodings that fresh instances take in turn. */
  readonly encodings?: readonly Encoding[]
}

type Func = (...args: readonly unknown[]) => unknown

const show = (value: unknown): string => {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value)) return `[${value.map(show).join()}]`
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)
  return typeof value === 'function' ? 'function' : String(value)
}

export const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

const defaultResult = (type: ValType, count: number): unknown => {
  switch (type) {
    case ValType.i64:
      return BigInt(count) * 0x1_0000_0007n
    case ValType.f32:
    case ValType.f64:
      return count + 0.25
    case ValType.i32:
      return count * 3
    default:
      return null
  }
}

/** The host's side of a run: what the guest calls, and the trace of it. */
export class World {
  readonly trace: string[] = []
  readonly #host: ReturnType<NonNullable<Fixture['host']>>
  #count = 0

  constructor(fixture: Fixture) {
    this.#host = fixture.host?.() ?? {}
  }

  func(module: string, name: string, results: readonly ValType[]): Func {
    const own = this.#host.functions?.[`${module}.${name}`]
    return (...args) => {
      this.trace.push(`${module}.${name}(${args.map(show).join()})`)
      const count = ++this.#count
      if (own) return own(...args)
      const values = results.map((type) => defaultResult(type, count))
      return values.length > 1 ? values : values[0]
    }
  }

  externs(): (module: string, name: string) => unknown {
    const externs = this.#host.externs?.() ?? {}
    return (module, name) => externs[`${module}.${name}`]
  }

  ended(name: string, outcome: RunOutcome): void {
    switch (outcome.kind) {
      case 'returned':
        this.trace.push(`${name} returned ${show(outcome.value)}`)
        return
      case 'trapped':
        this.trace.push(`${name} trapped: ${describeError(outcome.error)}`)
        return
      default:
        this.trace.push(`${name} ${outcome.kind}`)
    }
  }
}

const describeError = (error: unknown): string => {
  if (error instanceof WebAssembly.Exception) return 'exception'
  return error instanceof Error ? `${error.name}: ${error.message}` : show(error)
}

export const entries = (fixture: Fixture) => fixture.calls ?? [['run']]

/** The unmodified module. */
export function runPlain(fixture: Fixture, bytes: Uint8Array): Report {
  const world = new World(fixture)
  const extern = world.externs()
  const model = readModule(bytes)
  const imports: WebAssembly.Imports = {}
  for (const { module, name, desc } of model.imports) {
    imports[module] ??= {}
    // A name imported twice with different types: JavaScript has one place for both.
    imports[module][name] =
      desc.kind === 'func' ? world.func(module, name, model.types[desc.type]!.results) : extern(module, name)
  }
  const attempt = (call: () => unknown): RunOutcome => {
    try {
      return { kind: 'returned', value: call() }
    } catch (error) {
      return { kind: 'trapped', error }
    }
  }
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
  if (model.start !== undefined) world.trace.push('start returned undefined')
  for (const [name, ...args] of entries(fixture)) {
    const outcome = attempt(() => (instance.exports[name] as Func)(...args))
    world.ended(name, outcome)
  }
  const memories = Object.fromEntries(
    model.exports
      .filter((item) => item.kind === 'memory')
      .map(({ name, index }) => [
        String(index),
        hash(new Uint8Array((instance.exports[name] as WebAssembly.Memory).buffer)),
      ]),
  )
  return { trace: world.trace, memories, captures: 0, frames: 0, refusals: [] }
}

const describeState = (state: InstanceState): string =>
  JSON.stringify([
    state.memories.map(({ bytes }) => [bytes.length, hash(bytes)]),
    Array.from(state.globals),
    state.tables.map((table) => table && Array.from(table)),
  ])

/** From the second restore of a stack on, its continuations are found. */
function keepContinuations(): ContinuationStore {
  const kept = new Map<string, Uint8Array>()
  return { read: (key) => kept.get(key), write: (key, bytes) => kept.set(key, bytes) }
}

/** The pre-linked module, frozen and resumed as the options say. */
export function runCaptured(fixture: Fixture, bytes: Uint8Array, options: DriveOptions = {}): Report {
  const { polls = 'default', every = 0, fresh = true, twice = false, encodings = ['auto'] } = options
  const world = new World(fixture)
  const modules = encodings.map((exceptions) => ({
    module: new WebAssembly.Module(prelink(bytes, { polls, exceptions }).bytes),
    continuations: keepContinuations(),
  }))
  const refusals: string[] = []
  let calls = 0
  let passed = -1
  let again = false
  let opened = 0
  let captures = 0
  let frames = 0
  const open = () =>
    createInstrumentedEngine({
      ...modules[opened++ % modules.length]!,
      original: () => bytes,
      options: {
        link: (site) => world.func(site.module, site.name, site.results),
        extern: world.externs(),
        shouldCapture: () => {
          if (again) {
            again = false
            return true
          }
          if (passed === calls) {
            passed = -1
            calls++
            return false
          }
          if (every > 0 && (calls + 1) % every === 0) {
            passed = calls
            again = twice
            return true
          }
          calls++
          return false
        },
      },
    })
  let engine: Engine = open()
  const restore = (outcome: Extract<RunOutcome, { kind: 'captured' }>): RunOutcome => {
    const { stack } = outcome
    captures++
    frames += stack.frames.length
    if (outcome.refused) {
      refusals.push(outcome.refused.code)
      return engine.resume(stack)
    }
    let state: InstanceState
    try {
      state = engine.save()
    } catch (error) {
      if (!isStasisError(error)) throw error
      refusals.push(error.code)
      return engine.resume(stack)
    }
    if (!fresh) return engine.resume(stack)
    const checkpoint = decodeCheckpoint(
      encodeCheckpoint({
        session: { name: 'test', id: '00000000-0000-4000-8000-000000000000' },
        cause: 'torture',
        time: 0,
        module: { sha256: '0'.repeat(64), size: bytes.length, name: fixture.name },
        prelink: { version: prelinkVersion, polls },
        calls,
        instances: [state],
        stacks: [stack],
        kernel: new Uint8Array(0),
      }),
    )
    engine = open()
    engine.restore(checkpoint.instances[0]!)
    return engine.resume(checkpoint.stacks[0]!)
  }
  const toRun: [Entry, string, unknown[]][] = entries(fixture).map(([name, ...args]) => [
    { kind: 'export', name },
    name,
    args,
  ])
  if (engine.hasStart) toRun.unshift([{ kind: 'start' }, 'start', []])
  for (const [entry, name, args] of toRun) {
    let outcome = engine.run(entry, args)
    while (outcome.kind === 'captured') outcome = restore(outcome)
    world.ended(name, outcome)
  }
  let state: string
  let memories: Record<string, string> = {}
  try {
    const saved = engine.save()
    state = describeState(saved)
    memories = Object.fromEntries(
      readModule(bytes)
        .exports.filter((item) => item.kind === 'memory')
        .map(({ index }) => [String(index), hash(saved.memories[index]!.bytes)]),
    )
  } catch (error) {
    if (!isStasisError(error)) throw error
    state = error.code
  }
  return { trace: world.trace, memories, state, captures, frames, refusals }
}
