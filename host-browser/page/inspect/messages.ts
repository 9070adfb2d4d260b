import type { CheckpointReport } from '../../../runtime/inspect/checkpoint-report.ts'
import type { MemoryMap } from '../../../runtime/inspect/memory-map.ts'

/** What the page asks the worker that reads checkpoints and logs, so that it never stands still for it. */
export interface Questions {
  /** What is in a checkpoint; memories compared with those of version `before`, where one is given. */
  readonly report: { readonly version: number; readonly before?: number; readonly cells: number }
  readonly calls: CallsQuestion
  /** What the calls were about, in at most so many pieces. */
  readonly groups: { readonly pieces: number }
  /** A file of a memory directory. */
  readonly file: { readonly version: number; readonly mount: number; readonly path: string }
}

export interface CallsQuestion {
  readonly names: readonly string[]
  readonly fds: readonly number[]
  readonly paths: readonly string[]
  readonly failed: boolean
  /** The last so many that are meant. */
  readonly most: number
}

export interface Answers {
  readonly report: {
    readonly report: CheckpointReport
    readonly maps: readonly MemoryMap[]
    readonly files: readonly FileEntry[]
  }
  readonly calls: { readonly lines: readonly CallLine[]; readonly count: number; readonly note?: string }
  readonly groups: CallGroups
  readonly file: { readonly bytes: Uint8Array }
}

export interface FileEntry {
  readonly mount: number
  /** The guest's. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
  /** Bytes; of a file. */
  readonly size: number
}

export interface CallLine {
  /** Number of the call; of a checkpoint, of the call that it stands before. */
  readonly call: number
  readonly text: string
  readonly kind: 'call' | 'failed' | 'checkpoint' | 'gap'
}

export interface CallGroups {
  readonly first: number
  readonly end: number
  /** Calls a piece. */
  readonly width: number
  /** For each piece the calls by group, and those that failed. */
  readonly pieces: readonly { readonly calls: readonly number[]; readonly failed: number }[]
}

export interface Asked<K extends keyof Questions = keyof Questions> {
  readonly id: number
  readonly store: string
  readonly session: string
  readonly kind: K
  readonly question: Questions[K]
}

export type Answered =
  | { readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly id: number; readonly error: string }
