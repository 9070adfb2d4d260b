import { sleep, threadTime } from '../clock.ts'
import {
  createWorld,
  type Guest,
  instantiatePlain,
  instantiatePrelinked,
  readBytes,
  startPlain,
  startPrelinked,
} from '../world.ts'

export interface RunTimeInput {
  readonly guest: Guest
  /** The module to run, and the original one where it was pre-linked. */
  readonly module: string
  readonly original?: string
  readonly repeats: number
}

export interface RunTimeOutput {
  /** Milliseconds from _start to exit, each in an instance of its own, after one run that does not count. */
  readonly times: readonly number[]
  /** Hash of exit code and output. */
  readonly digest: string
}

/** Runs in a process of its own. */
export function measureRunTime({ guest, module: path, original: originalPath, repeats }: RunTimeInput): RunTimeOutput {
  const module = new WebAssembly.Module(readBytes(path))
  const original = originalPath === undefined ? undefined : readBytes(originalPath)
  const world = createWorld(guest)
  const times: number[] = []
  const digests = new Set<string>()
  for (let run = 0; run <= repeats; run++) {
    const kernel = world.create()
    const start =
      original === undefined
        ? bindPlain(instantiatePlain(module, kernel))
        : bindPrelinked(instantiatePrelinked(module, original, kernel))
    // Lets V8 finish what it compiles in the background.
    sleep(run === 0 ? 0 : 50)
    const began = threadTime()
    const code = start()
    times.push(threadTime() - began)
    digests.add(`${code} ${world.output.digest()}`)
    kernel.close()
  }
  return { times: times.slice(1), digest: [...digests].join() }
}

const bindPlain = (instance: WebAssembly.Instance) => () => startPlain(instance)
const bindPrelinked = (engine: Parameters<typeof startPrelinked>[0]) => () => startPrelinked(engine)
