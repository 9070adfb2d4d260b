import type { GuestRegion, LeftRegion } from '../../wasm-shim/guest-abi/state.ts'
import { type DescriptorSummary, describeState } from '../../wasm-shim/wasi/kernel.ts'
import { decodeState } from '../../wasm-shim/wasi/saved-state.ts'
import type { Checkpoint } from '../image/model.ts'
import { scanPages } from '../image/pages.ts'
import { regionsNotTaken, regionsOf } from '../image/regions.ts'
import { formatMount } from './command-words.ts'
import type { LogReport } from './log-report.ts'
import { type FilesReport, type MountReport, reportFiles, reportMount } from './mount-report.ts'
import type { StackNames } from './stack-names.ts'

/** What `stasis inspect NAME` says of a checkpoint; this is the JSON. */
export interface CheckpointReport {
  readonly kind: 'checkpoint'
  readonly session: string
  /** Absent for an image outside of a store. */
  readonly version?: number
  readonly location: string
  /** Bytes of the image. */
  readonly size: number
  readonly cause: string
  readonly label?: string
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly module: Checkpoint['module'] & { readonly present: boolean }
  readonly prelink: Checkpoint['prelink']
  /** Intercepted calls made so far. */
  readonly calls: number
  /** Bytes of input that were taken from stdin and not read. */
  readonly input: number
  readonly instances: readonly InstanceReport[]
  readonly stacks: readonly StackReport[]
  /** Named ranges of the first memory that the program has registered. */
  readonly regions: readonly GuestRegion[]
  /** Those of an older program's checkpoint that it has not registered so far. Absent where there are none. */
  readonly regionsNotTaken?: readonly LeftRegion[]
  readonly args: readonly string[]
  /** Names only: values may be secrets. */
  readonly env: readonly string[]
  readonly descriptors: readonly DescriptorSummary[]
  readonly mounts: readonly MountReport[]
  /** Of directories of the host: what the checkpoint knows of their files. Absent for older checkpoints, and without such directories. */
  readonly files?: FilesReport
  /** The host directories to be granted again, as arguments of --dir. */
  readonly grants: readonly string[]
  /** Of the session; absent without one, and for older checkpoints. */
  readonly log?: LogReport
}

interface InstanceReport {
  readonly memories: readonly { readonly bytes: number; readonly nonZeroBytes: number }[]
  /** Words of mutable globals and dropped-segment flags. */
  readonly globals: number
  /** Elements of each table that can change; null where it cannot. */
  readonly tables: readonly (number | null)[]
}

interface StackReport {
  readonly entry: string
  /** The call that will be made again. */
  readonly call: string
  /** Innermost first. */
  readonly frames: readonly FrameReport[]
}

export interface FrameReport {
  readonly function: number | null
  readonly name: string | null
  readonly site: number
  /** Words of saved locals and operands. */
  readonly words: number
}

export interface CheckpointSource {
  readonly checkpoint: Checkpoint
  readonly version?: number
  readonly location: string
  readonly size: number
  /** Absent where the module is not in the store: then functions have numbers only. */
  readonly names?: StackNames
  readonly log?: LogReport
}

/** Throws STASIS_KERNEL_STATE_DAMAGED. */
export function reportCheckpoint(source: CheckpointSource): CheckpointReport {
  const { checkpoint, version, location, size, names, log } = source
  const kernel = decodeState(checkpoint.kernel)
  const left = regionsNotTaken(checkpoint)
  const { session, cause, label, time, module, prelink, calls, instances, stacks } = checkpoint
  return {
    kind: 'checkpoint',
    session: session.name,
    ...(version !== undefined && { version }),
    location,
    size,
    cause,
    ...(label !== undefined && { label }),
    time,
    module: { ...module, present: names !== undefined },
    prelink,
    calls,
    input: checkpoint.input?.length ?? 0,
    instances: instances.map(({ memories, globals, tables }) => ({
      memories: memories.map(({ bytes }) => ({ bytes: bytes.length, nonZeroBytes: scanPages(bytes).dataLength })),
      globals: globals.length,
      tables: tables.map((table) => table?.length ?? null),
    })),
    stacks: stacks.map(({ entry, call, frames }) => ({
      entry: entry.kind === 'start' ? 'the start function' : entry.name,
      call: names?.importName(call.import) ?? (call.import < 0 ? 'a poll in a loop' : `import ${call.import}`),
      frames: frames.map(({ site, words }) => {
        const found = names?.functionOfSite(site)
        return { function: found?.index ?? null, name: found?.name ?? null, site, words: words.length }
      }),
    })),
    regions: regionsOf(checkpoint).map(({ name, address, length }) => ({ name, address, length })),
    ...(left.length > 0 && { regionsNotTaken: left }),
    args: kernel.args,
    env: kernel.env.map(([name]) => name),
    descriptors: describeState(checkpoint.kernel, checkpoint.files),
    mounts: kernel.mounts.map((mount) => reportMount(mount, checkpoint.files)),
    ...(checkpoint.files && { files: reportFiles(checkpoint.files) }),
    grants: kernel.mounts.flatMap(({ kind, source: host, guest, readOnly }) =>
      kind === 'memory' ? [] : [formatMount({ host: host ?? 'HOST', guest, readOnly, overlay: kind === 'overlay' })],
    ),
    ...(log !== undefined && { log }),
  }
}
