import { randomFillSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Engine, StackState } from '../../runtime/engine/engine.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { type CheckpointState, encodeCheckpoint, packBody } from '../../runtime/image/encode.ts'
import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import type { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { threadTime } from '../clock.ts'
import { createWorld, type Guest, instantiatePrelinked, type Link, linkTo, readBytes } from '../world.ts'

const nobody: Guest = { args: ['guest'], mounts: {} }

export interface PauseInput {
  readonly module: string
  readonly prelinked: string
  readonly megabytes: number
  readonly repeats: number
  /** Where to leave an image. */
  readonly image: string
}

export interface PauseOutput {
  /** Milliseconds from the decision to the state's copy, for each checkpoint in turn. */
  readonly pause: readonly number[]
  /** And until the guest makes the pending call again. */
  readonly back: readonly number[]
}

/** bench/guest/memory.wat calls the clock in nested functions for ever, over a memory that cannot be compressed. */
export function measurePause({ module, prelinked, megabytes, repeats, image }: PauseInput): PauseOutput {
  const { create } = createWorld(nobody)
  const original = readBytes(module)
  const kernel = create()
  const pause: number[] = []
  const back: number[] = []
  let calls = 0
  let decided = 0
  let isResuming = false
  const shouldCapture = () => {
    if (isResuming) {
      // The call that was captured, made again.
      isResuming = false
      back.push(threadTime() - decided)
      return false
    }
    if (++calls % 100 !== 0) return false
    decided = threadTime()
    return true
  }
  const engine = instantiatePrelinked(new WebAssembly.Module(readBytes(prelinked)), original, kernel, shouldCapture)
  fillMemory(engine.memory(), megabytes)
  let outcome = engine.run({ kind: 'export', name: '_start' })
  for (;;) {
    if (outcome.kind !== 'captured') throw new Error(`the guest ${outcome.kind}`)
    packBody(stateOf(engine, outcome.stack, kernel))
    pause.push(threadTime() - decided)
    if (back.length === repeats) break
    isResuming = true
    outcome = engine.resume(outcome.stack)
  }
  writeFileSync(image, encode(stateOf(engine, outcome.stack, kernel)))
  return { pause, back }
}

/** Random bytes everywhere but on the guest's own first page. */
export function fillMemory(memory: WebAssembly.Memory, megabytes: number): void {
  const missing = megabytes * 16 - memory.buffer.byteLength / 65536
  if (missing > 0) memory.grow(missing)
  for (let at = 65536; at < memory.buffer.byteLength; at += 65536)
    randomFillSync(new Uint8Array(memory.buffer, at, 65536))
}

export function stateOf(engine: Engine, stack: StackState, kernel: Kernel): CheckpointState {
  return { instances: [engine.save()], stacks: [stack], kernel: kernel.save() }
}

export function encode(state: CheckpointState): Uint8Array {
  return encodeCheckpoint({
    session: { name: 'bench', id: '00000000-0000-4000-8000-000000000000' },
    cause: 'request',
    time: 0,
    module: { sha256: '0'.repeat(64), size: 0, name: 'bench' },
    prelink: { version: prelinkVersion, polls: 'default' },
    calls: 0,
    ...state,
  })
}

export interface RestoreInput {
  readonly module: string
  readonly prelinked: string
  readonly image: string
  readonly guest?: Guest
}

export interface RestoreOutput {
  /** Milliseconds of compiling the pre-linked module. */
  readonly compile: number
  /** Milliseconds from the image's bytes to the pending call. */
  readonly restore: number
}

class Arrived extends Error {}

/** In a process of its own: from bytes in memory to the first thing that the guest does. */
export function measureRestore({ module, prelinked, image, guest = nobody }: RestoreInput): RestoreOutput {
  const original = readBytes(module)
  const bytes = readBytes(prelinked)
  const imageBytes = readBytes(image)
  const world = createWorld(guest)
  const began = performance.now()
  const compiled = new WebAssembly.Module(bytes)
  const compile = performance.now() - began
  const begun = threadTime()
  const checkpoint = decodeCheckpoint(imageBytes)
  const kernel = world.restore(checkpoint.kernel)
  let arrived = 0
  const link: Link = (site) => {
    const next = linkTo(kernel)(site)
    return (...args) => {
      if (arrived > 0) return next(...args)
      arrived = threadTime()
      throw new Arrived()
    }
  }
  const engine = instantiatePrelinked(compiled, original, kernel, () => false, link)
  engine.restore(checkpoint.instances[0]!)
  const outcome = engine.resume(checkpoint.stacks[0]!)
  if (outcome.kind !== 'trapped' || !(outcome.error instanceof Arrived)) throw new Error(`the guest ${outcome.kind}`)
  return { compile, restore: arrived - begun }
}
