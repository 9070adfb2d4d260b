import { randomFillSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { continuationsCached } from '../../host-node/prelink-cache.ts'
import type { Engine, StackState } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine, type InstrumentedEngineInit } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { type CheckpointState, encodeCheckpoint, packBody } from '../../runtime/image/encode.ts'
import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import type { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { threadTime } from '../clock.ts'
import { createWorld, type Guest, instantiatePrelinked, type Link, readBytes, type World } from '../world.ts'

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
  /** The state's copy into memory that was used before: what the pause costs beyond the operating system's new pages. */
  readonly kept: readonly number[]
}

/** bench/guest/memory.wat calls the clock in nested functions for ever, over a memory that cannot be compressed. */
export function measurePause({ module, prelinked, megabytes, repeats, image }: PauseInput): PauseOutput {
  const { create } = createWorld(nobody)
  const original = readBytes(module)
  const kernel = create()
  const pause: number[] = []
  const back: number[] = []
  const kept: number[] = []
  let room = new Uint8Array(0)
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
    room = measureKept(stateOf(engine, outcome.stack, kernel), room, kept)
    decided = threadTime() - pause.at(-1)!
    isResuming = true
    outcome = engine.resume(outcome.stack)
  }
  writeFileSync(image, encode(stateOf(engine, outcome.stack, kernel)))
  return { pause, back, kept: kept.slice(1) }
}

/** Copies the state into `room`, and returns it or a larger one. */
function measureKept(state: CheckpointState, room: Uint8Array<ArrayBuffer>, times: number[]): Uint8Array<ArrayBuffer> {
  let used = room
  const began = threadTime()
  packBody(state, (size) => {
    if (used.length < size) used = new Uint8Array(size)
    return used
  })
  times.push(threadTime() - began)
  return used
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
  /** Directory where continuations are kept from restore to restore. Absent: they are built. */
  readonly cache?: string
  /** Default: once. */
  readonly times?: number
}

export interface RestoreOutput {
  /** Milliseconds of compiling the pre-linked module. */
  readonly compile: number
  /** Milliseconds from the image's bytes to the pending call, for each time in turn. */
  readonly restore: readonly number[]
  /** Milliseconds in which a fresh memory of the size takes its bytes: no restore can be faster. */
  readonly floor: number
}

class Arrived extends Error {}

/** In a process of its own: from bytes in memory to the first thing that the guest does. */
export function measureRestore(input: RestoreInput): RestoreOutput {
  const original = readBytes(input.module)
  const bytes = readBytes(input.prelinked)
  const image = readBytes(input.image)
  const world = createWorld(input.guest ?? nobody)
  const began = performance.now()
  const compiled = new WebAssembly.Module(bytes)
  const compile = performance.now() - began
  const continuations = continuationsCached({ bytes: original, sha256: input.module }, 'default', 'bench', input.cache)
  const restore: number[] = []
  while (restore.length < (input.times ?? 1)) {
    const begun = threadTime()
    const link: Link = () => () => {
      restore.push(threadTime() - begun)
      throw new Arrived()
    }
    restoreOnce(
      { module: compiled, original: () => original, continuations, options: { link, ...never } },
      image,
      world,
    )
  }
  const { memories } = decodeCheckpoint(image).instances[0]!
  return { compile, restore, floor: measureFloor(memories[0]!.bytes) }
}

const never = { shouldCapture: () => false }

function restoreOnce(init: InstrumentedEngineInit, image: Uint8Array, world: World): void {
  const checkpoint = decodeCheckpoint(image)
  const kernel = world.restore(checkpoint.kernel)
  const engine = createInstrumentedEngine(init)
  kernel.attach(() => engine.memory())
  engine.restore(checkpoint.instances[0]!)
  const outcome = engine.resume(checkpoint.stacks[0]!)
  kernel.close()
  if (outcome.kind !== 'trapped' || !(outcome.error instanceof Arrived)) throw new Error(`the guest ${outcome.kind}`)
}

function measureFloor(bytes: Uint8Array): number {
  const began = threadTime()
  const memory = new WebAssembly.Memory({ initial: bytes.length / 65536 })
  new Uint8Array(memory.buffer).set(bytes)
  return threadTime() - began
}
