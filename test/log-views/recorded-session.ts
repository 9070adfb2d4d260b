// Sessions in a store as they are when real programs were recorded, without running them in a worker.
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import type { Interceptor } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { saveCheckpoint } from '../../runtime/store/checkpoints.ts'
import { chunkName, segmentName, sessionFolder } from '../../runtime/store/session-log.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { SavedState } from '../../wasm-shim/wasi/saved-state.ts'
import { encodeState } from '../../wasm-shim/wasi/saved-state.ts'
import { keepLog, runLive, testSession } from '../log/guest-run.ts'
import { caseNamed } from '../programs/cases.ts'

export const testRun = testSession.slice(0, 8)

export interface RecordedOptions {
  readonly session?: string
  /** Identity. */
  readonly id?: string
  /** Where checkpoints stand and other segments begin: numbers of calls. */
  readonly checkpoints?: readonly { readonly calls: number; readonly cause?: string; readonly label?: string }[]
  /** Whether what the guest writes is in the log. */
  readonly writtenBytes?: boolean
  readonly inlineLimit?: number
}

/** Runs a program and leaves its log and checkpoints in the store. Returns the number of its calls. */
export async function recordSession(store: Store, caseName: string, options: RecordedOptions = {}): Promise<number> {
  const { session = 'calc', id = testSession, checkpoints = [], writtenBytes = true, inlineLimit } = options
  const chunks = new Map<string, Uint8Array>()
  const segments = [0, ...checkpoints.map(({ calls }) => calls)].map((firstCall) => {
    const log = keepLog()
    const writer = new LogWriter({
      session: id,
      firstCall,
      sink: log.sink,
      chunks: { get: (address) => chunks.get(address), put: (address, bytes) => chunks.set(address, bytes.slice()) },
      quirks: writtenBytes ? 1 : 0,
      ...(inlineLimit !== undefined && { inlineLimit }),
    })
    return { firstCall, log, writer }
  })
  let calls = 0
  const recorded =
    (memory: () => WebAssembly.Memory): Interceptor =>
    (next, site) => {
      const each = segments.map(({ writer }) => record(writer, { memory })(next, site))
      return (...args) => {
        const call = calls++
        const at = segments.findLastIndex(({ firstCall }) => firstCall <= call)
        if (at > 0 && segments[at]?.firstCall === call) segments[at - 1]?.writer.commit()
        return each[at]!(...args)
      }
    }
  runLive(caseNamed(caseName), (memory) => [recorded(memory)])
  for (const { firstCall, log, writer } of segments) {
    writer.commit()
    await store.put(`${sessionFolder(session)}${segmentName(firstCall, id)}`, [log.bytes()])
  }
  for (const checkpoint of checkpoints) await saveTestCheckpoint(store, { session, id, ...checkpoint })
  for (const [address, bytes] of chunks) await store.put(chunkName(session, address), [bytes])
  return calls
}

export const emptyState: SavedState = {
  args: ['t'],
  env: [],
  mounts: [],
  fds: [],
  clocks: { monotonic: 0n, cpu: 0n },
  poll: null,
  exit: null,
  orphans: [],
  written: { complete: true, mounts: [] },
}

export interface TestCheckpoint {
  readonly session: string
  readonly id?: string
  readonly calls: number
  readonly cause?: string
  readonly label?: string
  readonly moduleName?: string
  readonly state?: SavedState
}

/** A checkpoint of no program, of which only what is said of it counts. Returns its version. */
export function saveTestCheckpoint(store: Store, checkpoint: TestCheckpoint): Promise<number> {
  return saveCheckpoint(store, checkpoint.session, [testImage(checkpoint)])
}

export function testImage(checkpoint: TestCheckpoint): Uint8Array {
  const {
    session,
    id = testSession,
    calls,
    cause = 'request',
    label,
    moduleName = 'calc.wasm',
    state = emptyState,
  } = checkpoint
  return encodeCheckpoint({
    session: { name: session, id },
    cause,
    ...(label !== undefined && { label }),
    time: 1_700_000_000_000,
    module: { sha256: 'ab'.repeat(32), size: 1234, name: moduleName },
    prelink: { version: 1, polls: 'none' },
    calls,
    instances: [{ memories: [{ bytes: new Uint8Array(65_536) }], globals: new Uint32Array(0), tables: [] }],
    stacks: [],
    kernel: encodeState(state),
  })
}
