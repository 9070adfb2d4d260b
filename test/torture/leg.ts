// One leg of a program's way through several processes: begins or goes on from an image, and stops at a call or ends.
// Reads a LegRequest from stdin and prints a LegResult. Run by journey.test.ts, bundled, on any Node.
import { readFileSync } from 'node:fs'
import { openDirectory } from '../../host-node/directory.ts'
import type { RunOutcome } from '../../runtime/engine/engine.ts'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { prelink, prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'

export interface LegRequest {
  readonly path: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly mounts: readonly { readonly host: string; readonly guest: string }[]
  readonly exceptions: 'legacy' | 'exnref'
  /** Base64. */
  readonly stdin: string
  /** Base64; absent on the first leg. */
  readonly image?: string
  /** Calls to make before the capture; absent on the last leg. */
  readonly calls?: number
}

export interface LegResult {
  readonly node: string
  readonly image?: string
  readonly exitCode?: number
  readonly stdout: string
  readonly stderr: string
  /** What the guest has not read, base64. */
  readonly stdin: string
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

export function runLeg(request: LegRequest): LegResult {
  const original = new Uint8Array(readFileSync(request.path))
  const module = new WebAssembly.Module(prelink(original, { exceptions: request.exceptions }).bytes)
  const host = createTestHost({ stdin: new Uint8Array(Buffer.from(request.stdin, 'base64')) })
  const mounts = request.mounts.map(
    (mount): Mount => ({
      guest: mount.guest,
      kind: 'host',
      fs: openDirectory(mount.host, { readOnly: false }),
      source: mount.host,
      readOnly: false,
    }),
  )
  const checkpoint = request.image && decodeCheckpoint(new Uint8Array(Buffer.from(request.image, 'base64')))
  const kernel = checkpoint
    ? Kernel.restore(
        checkpoint.kernel,
        { mounts, memoryFileSystem: (saved) => MemoryFileSystem.restore(saved!, () => host.clocks.realtime()) },
        host,
      )
    : Kernel.create({ args: request.args, env: Object.entries(request.env), mounts }, host)
  let calls = 0
  const engine = createInstrumentedEngine({
    module,
    original: () => original,
    options: {
      link: ({ module: from, name }) => {
        const func = kernel.link(from, name)
        if (func === undefined) throw new Error(`unknown import ${from}.${name}`)
        return func
      },
      shouldCapture: () => calls++ === request.calls,
    },
  })
  kernel.attach(() => engine.memory())
  let outcome: RunOutcome
  if (checkpoint) {
    engine.restore(checkpoint.instances[0]!)
    outcome = engine.resume(checkpoint.stacks[0]!)
  } else outcome = engine.run({ kind: 'export', name: '_start' })
  const seen = {
    node: process.version,
    stdout: host.stdoutText(),
    stderr: host.stderrText(),
    stdin: base64(host.unread()),
  }
  switch (outcome.kind) {
    case 'captured': {
      if (outcome.refused) throw outcome.refused
      const image = encodeCheckpoint({
        session: { name: 'journey', id: '00000000-0000-4000-8000-000000000000' },
        cause: 'call',
        time: 0,
        module: { sha256: '0'.repeat(64), size: original.length, name: request.path },
        prelink: { version: prelinkVersion, polls: 'default' },
        calls,
        instances: [engine.save()],
        stacks: [outcome.stack],
        kernel: kernel.save(),
      })
      return { ...seen, image: base64(image) }
    }
    case 'trapped':
      throw outcome.error
    default:
      return { ...seen, exitCode: outcome.kind === 'exited' ? outcome.code : 0 }
  }
}
