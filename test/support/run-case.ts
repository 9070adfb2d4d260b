import { openDirectory } from '../../host-node/directory.ts'
import type { Engine, Entry, RunOutcome, StackState } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { type PrelinkOptions, prelink, prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import type { Outcome, ProgramCase } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { createTestHost, type TestHost } from './test-host.ts'

export interface CaseRun extends Outcome {
  /** Intercepted calls and polls. */
  readonly calls: number
  readonly restores: number
  readonly deepest: number
  /** The error of a trap. */
  readonly error?: unknown
}

export interface CaseOptions extends PrelinkOptions {
  /** Capture at every K-th call or poll. */
  readonly every?: number
  /** Whether each capture is restored in a fresh instance and kernel, through an encoded image. Default true. */
  readonly fresh?: boolean
  /** Capture once more right after each restore, at the same call. */
  readonly twice?: boolean
  /** First call to capture at. */
  readonly from?: number
}

const exitCode = (outcome: RunOutcome): number | undefined => {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code
    case 'returned':
      return 0
    case 'trapped':
      return 134
    case 'captured':
      return undefined
  }
}

function begin(each: ProgramCase) {
  const prepared = prepare(each)
  const host = createTestHost({ stdin: each.stdin })
  const mounts = prepared.mounts.map(
    (mount): Mount => ({
      guest: mount.guest,
      kind: 'host',
      fs: openDirectory(mount.host, { readOnly: false }),
      source: mount.host,
      readOnly: false,
    }),
  )
  const config = {
    args: [program(each.program).argv0, ...each.args],
    env: Object.entries(each.env),
    mounts,
  }
  return { prepared, host, mounts, kernel: Kernel.create(config, host) }
}

const outcomeOf = (host: TestHost, files: Record<string, string>, code: number): Outcome => ({
  exitCode: code,
  stdout: host.stdoutText(),
  stderr: host.stderrText(),
  files,
})

/** The unmodified module under our kernel: what every other run is compared with. */
export function runUnmodified(each: ProgramCase): Outcome {
  const { prepared, host, kernel } = begin(each)
  try {
    const module = new WebAssembly.Module(program(each.program).module)
    const imports: WebAssembly.Imports = {}
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {}
      imports[from][name] = kernel.link(from, name)
    }
    const instance = new WebAssembly.Instance(module, imports)
    kernel.attach(() => instance.exports['memory'] as WebAssembly.Memory)
    let code = 0
    try {
      ;(instance.exports['_start'] as () => void)()
    } catch (thrown) {
      if (!(thrown instanceof ExitSignal)) throw thrown
      code = thrown.code
    }
    return outcomeOf(host, prepared.files(), code)
  } finally {
    prepared.dispose()
  }
}

const compiled = new Map<string, { module: WebAssembly.Module; original: Uint8Array }>()

function load(name: ProgramCase['program'], options: PrelinkOptions) {
  const key = `${name} ${options.polls} ${options.exceptions}`
  let found = compiled.get(key)
  if (found === undefined) {
    const original = program(name).module
    const { polls, exceptions } = options
    const { bytes } = prelink(original, { ...(polls && { polls }), ...(exceptions && { exceptions }) })
    found = { module: new WebAssembly.Module(bytes), original }
    compiled.set(key, found)
  }
  return found
}

/** The pre-linked module, frozen and resumed as `options` say. */
export function runInstrumented(each: ProgramCase, options: CaseOptions = {}): CaseRun {
  const { every = 0, fresh = true, twice = false, from = 1 } = options
  const { module, original } = load(each.program, options)
  const world = begin(each)
  const { prepared, host, mounts } = world
  let { kernel } = world
  let calls = 0
  let restores = 0
  let deepest = 0
  let captured = -1
  let again = false
  let engine: Engine
  const open = () => {
    const opened = createInstrumentedEngine({
      module,
      original: () => original,
      options: {
        link: (site) => {
          const func = kernel.link(site.module, site.name)
          if (func === undefined) throw new Error(`unknown import ${site.module}.${site.name}`)
          return func
        },
        shouldCapture: () => {
          if (again) {
            again = false
            return true
          }
          if (captured === calls) {
            // The call at which the capture took place, made again.
            captured = -1
            calls++
            return false
          }
          if (every > 0 && calls + 1 >= from && (calls + 1) % every === 0) {
            captured = calls
            again = twice
            return true
          }
          calls++
          return false
        },
      },
    })
    kernel.attach(() => opened.memory())
    return opened
  }
  const restore = (stack: StackState): RunOutcome => {
    restores++
    deepest = Math.max(deepest, stack.frames.length)
    if (!fresh) return engine.resume(stack)
    const image = encodeCheckpoint({
      session: { name: 'test', id: '00000000-0000-4000-8000-000000000000' },
      cause: 'torture',
      time: 0,
      module: { sha256: '0'.repeat(64), size: original.length, name: each.program },
      prelink: { version: prelinkVersion, polls: options.polls ?? 'default' },
      calls,
      instances: [engine.save()],
      stacks: [stack],
      kernel: kernel.save(),
    })
    const checkpoint = decodeCheckpoint(image)
    kernel = Kernel.restore(
      checkpoint.kernel,
      { mounts, memoryFileSystem: (saved) => MemoryFileSystem.restore(saved!, () => host.clocks.realtime()) },
      host,
    )
    engine = open()
    engine.restore(checkpoint.instances[0]!)
    return engine.resume(checkpoint.stacks[0]!)
  }
  try {
    engine = open()
    const entries: Entry[] = [{ kind: 'export', name: '_start' }]
    if (engine.hasStart) entries.unshift({ kind: 'start' })
    let outcome: RunOutcome = { kind: 'returned', value: undefined }
    for (const entry of entries) {
      outcome = engine.run(entry)
      while (outcome.kind === 'captured') {
        if (outcome.refused) throw outcome.refused
        outcome = restore(outcome.stack)
      }
      if (outcome.kind !== 'returned') break
    }
    const code = exitCode(outcome) as number
    return {
      ...outcomeOf(host, prepared.files(), code),
      calls,
      restores,
      deepest,
      ...(outcome.kind === 'trapped' && { error: outcome.error }),
    }
  } finally {
    prepared.dispose()
  }
}
