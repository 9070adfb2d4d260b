import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '../../host-node/directory.ts'
import type { Engine, Entry, RunOutcome, StackState } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { checkpointFiles } from '../../runtime/session/files/checkpoint-files.ts'
import { exportFiles } from '../../runtime/session/files/export-files.ts'
import { putBack } from '../../runtime/session/files/put-back.ts'
import { type PrelinkOptions, prelink, prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { OverlayFileSystem } from '../../wasm-shim/wasi/fs/overlay.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import type { Outcome, ProgramCase } from '../programs/cases.ts'
import { listTree, type Prepared, prepare } from '../programs/prepare.ts'
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
  /**
   * What becomes of the case's directories. 'host' (default): they stay. 'overlay': the program changes nothing in them.
   * 'carried': at each restore it finds empty ones, but for files that were there before, and what the image carries is
   * put back into them.
   */
  readonly mounts?: 'host' | 'overlay' | 'carried'
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

function begin(each: ProgramCase, kind: CaseOptions['mounts'] = 'host') {
  const prepared = prepare(each)
  const host = createTestHost({ stdin: each.stdin })
  const mounts = mountsOf(prepared, host, kind)
  const config = {
    args: [program(each.program).argv0, ...each.args],
    env: Object.entries(each.env),
    mounts,
  }
  return { prepared, host, mounts, kernel: Kernel.create(config, host) }
}

function mountsOf({ mounts }: Prepared, host: TestHost, kind: CaseOptions['mounts']): Mount[] {
  return mounts.map(({ guest, host: source }): Mount => {
    if (kind !== 'overlay') {
      return { guest, kind: 'host', fs: openDirectory(source, { readOnly: false }), source, readOnly: false }
    }
    const lower = openDirectory(source, { readOnly: true })
    const now = host.clocks.realtime
    const restore = (saved: Uint8Array) => OverlayFileSystem.restore(saved, lower, now)
    return { guest, kind, fs: OverlayFileSystem.create(lower, now), restore, source, readOnly: false }
  })
}

/** The files below the mounts as the program left them, wherever they live. */
function filesOf(prepared: Prepared, kernel: Kernel, kind: CaseOptions['mounts']): Record<string, string> {
  if (kind !== 'overlay') return prepared.files()
  const before = prepared.files()
  const base = mkdtempSync(join(tmpdir(), 'stasis-overlay-'))
  const target = openDirectory(base)
  exportFiles(checkpointFiles({ kernel: kernel.save() }), target, false)
  const found = prepared.mounts.flatMap(({ guest }) =>
    existsSync(join(base, guest)) ? Object.entries(listTree(join(base, guest), guest)) : [],
  )
  rmSync(base, { recursive: true })
  // What the program has removed of them it has not, in the programs at hand.
  return { ...before, ...Object.fromEntries(found) }
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
  const { every = 0, fresh = true, twice = false, from = 1, mounts: mountKind } = options
  const { module, original } = load(each.program, options)
  const world = begin(each, mountKind)
  const { host } = world
  let { prepared, mounts, kernel } = world
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
    const files = mountKind === 'carried' ? kernel.carriedFiles(1e9) : undefined
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
      ...(files && { files }),
    })
    const checkpoint = decodeCheckpoint(image)
    if (mountKind === 'carried') {
      kernel.close()
      for (const { fs } of mounts) fs.close?.()
      prepared.dispose()
      prepared = prepare(each)
      mounts = mountsOf(prepared, host, mountKind)
      for (const { guest, fs } of mounts) {
        const { files: all, contents } = checkpoint.files!
        const own = all.filter(({ mount }) => mount === guest)
        const removed = own.filter(({ state }) => state === 'removed').map(({ path }) => path)
        putBack(fs, own, contents, removed, { written: 0, removed: 0 })
      }
    }
    kernel = Kernel.restore(
      checkpoint.kernel,
      {
        mounts,
        memoryFileSystem: (saved) => MemoryFileSystem.restore(saved!, () => host.clocks.realtime()),
        allowChangedFiles: mountKind === 'carried',
      },
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
      ...outcomeOf(host, filesOf(prepared, kernel, mountKind), code),
      calls,
      restores,
      deepest,
      ...(outcome.kind === 'trapped' && { error: outcome.error }),
    }
  } finally {
    prepared.dispose()
  }
}
