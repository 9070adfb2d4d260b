import crc32 from 'crc-32'
import { StasisError } from '../../../wasm-shim/errors.ts'
import type { Crc32 } from './layout.ts'

/**
 * What a checkpoint file needs of its host: two files, synchronously. Both implementations (memory-storage.ts,
 * host-node/checkpoint-file-host.ts) pass test/checkpoint-file/storage-suite.ts.
 */
export interface ByteFile {
  /** Bytes; 0 where there is no such file. */
  size(): number
  /** Fills `target` from `offset` on and returns how many bytes there were. */
  read(offset: number, target: Uint8Array): number
  /** Writes the parts one after the other at the end. What is left after a failure is cut off by the caller. */
  append(parts: readonly Uint8Array[]): void
  truncate(size: number): void
  /** Returns when all is on the disk. */
  sync(): void
}

export interface CheckpointStorage {
  /** For messages, e.g. a path. */
  readonly name: string
  /** A writer is the only one, and has the lock until `close`. */
  readonly isWriter: boolean
  readonly data: ByteFile
  readonly index: ByteFile
  /**
   * Puts the file that `fill` writes, on the disk, in the place of the data file: whatever happens, it is the old or the
   * new one. Who reads the old one can go on doing so.
   */
  replace(fill: (fresh: ByteFile) => void): void
  /** Idempotent. */
  close(): void
  /** CRC-32 of the host, where it has a faster one. Continues from `seed`. */
  readonly crc32?: Crc32
  /** Comparison of equally long bytes, where the host has a faster one. */
  readonly equal?: (a: Uint8Array, b: Uint8Array) => boolean
  /** Milliseconds since the Unix epoch. Without it, versions have no time. */
  readonly now?: () => number
}

export const portableCrc32: Crc32 = (bytes, seed = 0) => crc32.buf(bytes, seed) >>> 0

export function portableEqual(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

export function busy(name: string, owner: string): StasisError {
  const message = `The checkpoint file ${name} is being written by ${owner}. Open it read-only, or wait until it is closed.`
  return new StasisError('STASIS_CKP_BUSY', message, { name })
}

/** Fills all of `target`; false where the file ends before. */
export function readAll(file: ByteFile, offset: number, target: Uint8Array): boolean {
  return file.read(offset, target) === target.length
}
