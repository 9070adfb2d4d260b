import { createBlockingWait } from '../runtime/session/blocking-wait.ts'
import type { ControlBlock } from '../runtime/session/control-block.ts'
import { createBytesInput, createRingInput } from '../runtime/session/input-streams.ts'
import { StdinRing } from '../runtime/session/stdin-ring.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import type { Host, HostStream } from '../wasm-shim/wasi/host.ts'
import { createClocks } from './clocks.ts'
import { createRandom } from './random.ts'
import { createFileInput, createOutput, streamKind } from './streams.ts'

export type StdinSource =
  /** This process's own: read directly where it is a regular file, else through the ring that `feedStdin` fills. */
  | { readonly kind: 'inherit'; readonly ring: SharedArrayBuffer }
  /** Whatever the other side of the ring feeds. */
  | { readonly kind: 'ring'; readonly ring: SharedArrayBuffer; readonly isTerminal?: boolean }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'empty' }

export interface NodeHostOptions {
  readonly control: ControlBlock
  readonly stdin: StdinSource
  /** Default: this process's own. */
  readonly stdout?: HostStream
  readonly stderr?: HostStream
}

const knownOptions: ReadonlySet<string> = new Set(['control', 'stdin', 'stdout', 'stderr'])

/** Node's clocks, entropy and standard streams, for use in the thread that the guest runs in. */
export function createNodeHost(options: NodeHostOptions): Host {
  for (const key of Object.keys(options))
    if (!knownOptions.has(key))
      throw new StasisError('STASIS_OPTION_UNKNOWN', `The Node host has no option "${key}".`, { option: key })
  const clocks = createClocks()
  const stdin = createInput(options.stdin)
  return {
    clocks,
    random: createRandom(),
    stdin,
    stdout: options.stdout ?? createOutput(1),
    stderr: options.stderr ?? createOutput(2),
    wait: createBlockingWait(options.control, clocks.monotonic, stdin.readable),
  }
}

const nothing = new Uint8Array(0)

function createInput(source: StdinSource): HostStream {
  switch (source.kind) {
    case 'inherit': {
      const kind = streamKind(0)
      if (kind === 'file') return createFileInput(0)
      return kind === 'null' ? createBytesInput(nothing, kind) : createRingInput(new StdinRing(source.ring), kind)
    }
    case 'ring':
      return createRingInput(new StdinRing(source.ring), source.isTerminal ? 'tty' : 'pipe')
    case 'bytes':
      return createBytesInput(source.bytes, 'pipe')
    case 'empty':
      return createBytesInput(nothing, 'null')
  }
}
