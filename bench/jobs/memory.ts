import { readFileSync } from 'node:fs'
import { packBody } from '../../runtime/image/encode.ts'
import { createWorld, instantiatePlain, instantiatePrelinked, linkTo, readBytes } from '../world.ts'
import { fillMemory, stateOf } from './pause.ts'

export interface MemoryInput {
  readonly module: string
  /** Absent for the unmodified module with nothing between it and the kernel. */
  readonly prelinked?: string
  readonly megabytes: number
}

/** Megabytes of the process that are in memory, less the guest's own. */
export interface MemoryOutput {
  readonly running: number
  /** At most, while a checkpoint was taken and its copy held. */
  readonly checkpoint: number
}

class Enough extends Error {}

/** bench/guest/memory.wat in a process of its own, stopped after some calls. */
export function measureMemory({ module, prelinked, megabytes }: MemoryInput): MemoryOutput {
  const { create } = createWorld({ args: ['guest'], mounts: {} })
  const kernel = create()
  const original = readBytes(module)
  const beyond = (bytes: number) => bytes / 2 ** 20 - megabytes
  let running = Number.NaN
  let calls = 0
  if (prelinked === undefined) {
    const instance = instantiatePlain(new WebAssembly.Module(original), kernel, (site) => {
      const next = linkTo(kernel)(site)
      return (...args) => {
        if (++calls === 200_000) throw new Enough()
        return next(...args)
      }
    })
    fillMemory(instance.exports['memory'] as WebAssembly.Memory, megabytes)
    try {
      ;(instance.exports['_start'] as () => void)()
    } catch (thrown) {
      if (!(thrown instanceof Enough)) throw thrown
    }
    running = beyond(process.memoryUsage.rss())
    return { running, checkpoint: running }
  }
  const engine = instantiatePrelinked(new WebAssembly.Module(readBytes(prelinked)), original, kernel, () => {
    if (++calls !== 200_000) return false
    running = beyond(process.memoryUsage.rss())
    return true
  })
  fillMemory(engine.memory(), megabytes)
  const outcome = engine.run({ kind: 'export', name: '_start' })
  if (outcome.kind !== 'captured') throw new Error(`the guest ${outcome.kind}`)
  packBody(stateOf(engine, outcome.stack, kernel))
  return { running, checkpoint: beyond(peak()) }
}

/** Bytes, the most that this process had in memory so far. */
function peak(): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1] ?? Number.NaN) * 1024
}
