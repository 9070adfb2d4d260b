import { writeFileSync } from 'node:fs'
import { WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import type { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { threadTime } from '../clock.ts'
import {
  createWorld,
  type Guest,
  instantiatePlain,
  instantiatePrelinked,
  type Link,
  linkTo,
  readBytes,
} from '../world.ts'
import { encode, stateOf } from './pause.ts'

export interface BootInput {
  readonly guest: Guest
  readonly module: string
}

export interface BootOutput {
  readonly compile: number
  /** Milliseconds from the compiled module until the program reads its standard input. */
  readonly start: number
}

class Arrived extends Error {}

/** Links as usual, but for the first read of stdin. */
const atPrompt =
  (kernel: Kernel, arrive: () => void): Link =>
  (site) => {
    const next = linkTo(kernel)(site)
    if (site.name !== 'fd_read' && site.name !== 'poll_oneoff') return next
    return (...args) => {
      if (site.name === 'fd_read' && args[0] === 0) arrive()
      return next(...args)
    }
  }

/** In a process of its own: the unmodified module from its bytes to its prompt. */
export function measureBoot({ guest, module: path }: BootInput): BootOutput {
  const bytes = readBytes(path)
  const world = createWorld(guest)
  const began = performance.now()
  const module = new WebAssembly.Module(bytes)
  const compile = performance.now() - began
  const compiled = threadTime()
  const kernel = world.create()
  let arrived = 0
  const link = atPrompt(kernel, () => {
    arrived = threadTime()
    throw new Arrived()
  })
  const instance = instantiatePlain(module, kernel, link)
  try {
    ;(instance.exports['_start'] as () => void)()
  } catch (thrown) {
    if (!(thrown instanceof Arrived)) throw thrown
  }
  if (arrived === 0) throw new Error('the program ended without reading its standard input')
  return { compile, start: arrived - compiled }
}

export interface BootImageInput extends BootInput {
  readonly prelinked: string
  readonly image: string
}

/** Leaves an image of the program at its prompt; its size. */
export function saveBoot({ guest, module, prelinked, image }: BootImageInput): { readonly size: number } {
  const kernel = createWorld(guest).create()
  const link = atPrompt(kernel, () => {
    throw new WaitInterrupted()
  })
  const compiled = new WebAssembly.Module(readBytes(prelinked))
  const engine = instantiatePrelinked(compiled, readBytes(module), kernel, () => false, link)
  const outcome = engine.run({ kind: 'export', name: '_start' })
  if (outcome.kind !== 'captured') throw new Error(`the program ${outcome.kind} before its prompt`)
  if (outcome.refused) throw outcome.refused
  const bytes = encode(stateOf(engine, outcome.stack, kernel))
  writeFileSync(image, bytes)
  return { size: bytes.length }
}
