import type { CarriedFile } from '../../wasm-shim/wasi/carried.ts'
import { checksumHex } from './checksum.ts'
import type { Checkpoint } from './model.ts'
import { scanPages } from './pages.ts'

/** A checkpoint for people and scripts: everything but the contents of memories and kernel, which appear as checksums. */
export interface CheckpointJson {
  readonly session: { readonly name: string; readonly id: string }
  readonly cause: string
  readonly label?: string
  /** ISO 8601, UTC. */
  readonly time: string
  readonly module: { readonly sha256: string; readonly size: number; readonly name: string }
  readonly prelink: { readonly version: number; readonly polls: string }
  readonly calls: number
  readonly instances: readonly {
    readonly memories: readonly { readonly bytes: number; readonly nonZeroBytes: number; readonly xxh64: string }[]
    readonly globals: readonly number[]
    readonly tables: readonly (readonly number[] | null)[]
  }[]
  readonly stacks: readonly {
    /** Name of the export; null for the start function. */
    readonly entry: string | null
    readonly call: { readonly import: number; readonly args: readonly number[] }
    readonly frames: readonly { readonly instance: number; readonly site: number; readonly words: readonly number[] }[]
  }[]
  readonly kernel: { readonly bytes: number; readonly xxh64: string }
  /** Of directories of the host: see `CarriedFile`; times in nanoseconds, as text. */
  readonly files?: {
    readonly content: string
    readonly complete: boolean
    readonly list: readonly (Omit<CarriedFile, 'mtim'> & { readonly mtim: string })[]
    readonly contents: readonly { readonly bytes: number; readonly xxh64: string }[]
  }
  readonly input?: { readonly bytes: number; readonly xxh64: string }
  readonly screen?: { readonly bytes: number; readonly xxh64: string }
}

export function checkpointToJson(checkpoint: Checkpoint): CheckpointJson {
  const { session, cause, label, time, module, prelink, calls, instances, stacks, kernel, files, input, screen } =
    checkpoint
  return {
    session: { ...session },
    cause,
    ...(label === undefined ? {} : { label }),
    time: new Date(time).toISOString(),
    module: { ...module },
    prelink: { ...prelink },
    calls,
    instances: instances.map(({ memories, globals, tables }) => ({
      memories: memories.map(({ bytes }) => ({
        bytes: bytes.length,
        nonZeroBytes: scanPages(bytes).dataLength,
        xxh64: checksumHex(bytes),
      })),
      globals: [...globals],
      tables: tables.map((table) => (table === undefined ? null : [...table])),
    })),
    stacks: stacks.map(({ entry, call, frames }) => ({
      entry: entry.kind === 'start' ? null : entry.name,
      call: { import: call.import, args: [...call.args] },
      frames: frames.map(({ instance, site, words }) => ({ instance, site, words: [...words] })),
    })),
    kernel: { bytes: kernel.length, xxh64: checksumHex(kernel) },
    ...(files && {
      files: {
        content: files.content,
        complete: files.isComplete,
        list: files.files.map((file) => ({ ...file, mtim: String(file.mtim) })),
        contents: files.contents.map((bytes) => ({ bytes: bytes.length, xxh64: checksumHex(bytes) })),
      },
    }),
    ...(input && { input: { bytes: input.length, xxh64: checksumHex(input) } }),
    ...(screen && { screen: { bytes: screen.length, xxh64: checksumHex(screen) } }),
  }
}
