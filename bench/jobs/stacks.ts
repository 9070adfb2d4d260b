import type { RunOutcome, StackState } from '../../runtime/engine/engine.ts'
import { packBody } from '../../runtime/image/encode.ts'
import { readCodeContext } from '../../wasm-shim/module/read.ts'
import { buildContinuations, decodeMetadata, metadataSection } from '../../wasm-shim/prelink/index.ts'
import { threadTime } from '../clock.ts'
import { createWorld, type Guest, instantiatePrelinked, readBytes } from '../world.ts'
import { stateOf } from './pause.ts'

export interface StacksInput {
  readonly guest: Guest
  readonly module: string
  readonly prelinked: string
  /** Where in the program to stop, from 0 to 1 of its calls. */
  readonly at: number
  /** What is done first in this process, so that V8 runs our code for the first time. */
  readonly first: 'build' | 'whole'
  readonly repeats: number
}

export interface StacksOutput {
  readonly frames: number
  readonly sites: number
  /** Bytes of the module of continuations. */
  readonly size: number
  /** Milliseconds; the first of each in this process comes first. */
  readonly build: readonly number[]
  readonly compile: readonly number[]
  /** From the decision to capture until the guest makes the call in the same process. */
  readonly whole: readonly number[]
}

/** Stops a program once, at a call in the middle; builds what resuming that stack needs; lets it go on. */
export function measureStacks({ guest, module, prelinked, at, first, repeats }: StacksInput): StacksOutput {
  const original = readBytes(module)
  const compiled = new WebAssembly.Module(readBytes(prelinked))
  const world = createWorld(guest)
  const total = countCalls(compiled, original, world)
  const stopAt = Math.max(1, Math.floor(total * at))
  const kernel = world.create()
  const whole: number[] = []
  let calls = 0
  let decided = 0
  let isResuming = false
  const engine = instantiatePrelinked(compiled, original, kernel, (site) => {
    if (isResuming) {
      isResuming = false
      whole.push(threadTime() - decided)
      // Again, at the same call: then the continuations are known.
      if (whole.length > repeats) return false
    } else if (site === 'poll' || ++calls !== stopAt) return false
    decided = threadTime()
    return true
  })
  let outcome: RunOutcome = engine.run({ kind: 'export', name: '_start' })
  let stack: StackState | undefined
  let built: ReturnType<typeof measureBuilding> | undefined
  while (outcome.kind === 'captured') {
    stack ??= outcome.stack
    if (first === 'build') built ??= measureBuilding(original, compiled, stack, repeats)
    packBody(stateOf(engine, outcome.stack, kernel))
    isResuming = true
    outcome = engine.resume(outcome.stack)
  }
  if (outcome.kind === 'trapped') throw outcome.error
  kernel.close()
  if (stack === undefined) throw new Error('the program was never stopped')
  return { ...(built ?? measureBuilding(original, compiled, stack, repeats)), whole }
}

function countCalls(compiled: WebAssembly.Module, original: Uint8Array, world: ReturnType<typeof createWorld>): number {
  const kernel = world.create()
  let calls = 0
  const engine = instantiatePrelinked(compiled, original, kernel, (site) => {
    if (site !== 'poll') calls++
    return false
  })
  engine.run({ kind: 'export', name: '_start' })
  kernel.close()
  return calls
}

/** What `ContinuationLinker` does between the stack and the instance. */
function measureBuilding(original: Uint8Array, compiled: WebAssembly.Module, stack: StackState, repeats: number) {
  const metadata = decodeMetadata(new Uint8Array(WebAssembly.Module.customSections(compiled, metadataSection)[0]!))
  const sites = [...new Set(stack.frames.map((frame) => frame.site))].map((site) => ({ site }))
  const build: number[] = []
  const compile: number[] = []
  let size = 0
  for (let i = 0; i <= repeats; i++) {
    const began = threadTime()
    const bytes = buildContinuations(readCodeContext(original), metadata, sites, [stack.call.import], 0)
    build.push(threadTime() - began)
    const built = performance.now()
    new WebAssembly.Module(bytes)
    compile.push(performance.now() - built)
    size = bytes.length
  }
  return { frames: stack.frames.length, sites: sites.length, size, build, compile }
}
