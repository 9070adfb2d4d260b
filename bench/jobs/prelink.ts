import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { prelinkCached } from '../../host-node/prelink-cache.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { type PollMode, prelink } from '../../wasm-shim/prelink/index.ts'
import { threadTime } from '../clock.ts'
import { readBytes } from '../world.ts'

export interface PrelinkInput {
  readonly module: string
  readonly polls: PollMode
  /** Where to write the result. */
  readonly out?: string
  /** Use this cache directory instead of pre-linking anew; what the time then contains is said there. */
  readonly cache?: string
}

export interface PrelinkOutput {
  readonly milliseconds: number
  /** Bytes of the code section before. */
  readonly code: number
}

/** The first call in a process of its own; reading the module's file is not counted. */
export function measurePrelink({ module, polls, out, cache }: PrelinkInput): PrelinkOutput {
  const bytes = readBytes(module)
  const began = threadTime()
  // From the cache as a session does it: the module's hash, the entry read and its checksum compared.
  const result =
    cache === undefined
      ? prelink(bytes, { polls }).bytes
      : prelinkCached({ bytes, sha256: createHash('sha256').update(bytes).digest('hex') }, polls, 'bench', cache)
  const milliseconds = threadTime() - began
  if (out !== undefined) writeFileSync(out, result)
  const { start, end } = readModule(bytes).code
  return { milliseconds, code: (end.at(-1) ?? 0) - (start[0] ?? 0) }
}
