import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writevSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { crc32 } from 'node:zlib'
import { CheckpointFile } from '../runtime/store/checkpoint-file/checkpoint-file.ts'
import { missing } from '../runtime/store/checkpoint-file/memory-storage.ts'
import type { CheckpointFileOptions } from '../runtime/store/checkpoint-file/options.ts'
import type { ByteFile, CheckpointStorage } from '../runtime/store/checkpoint-file/storage.ts'
import { isStasisError, StasisError } from '../wasm-shim/errors.ts'
import './compression.ts'
import { type FileLock, lockFile } from './file-lock.ts'

export interface OpenCheckpointFileOptions extends CheckpointFileOptions {
  /** To restore only, beside a writer: no lock is taken and nothing is written. Default false. */
  readonly readOnly?: boolean
}

/**
 * Opens the checkpoint file PATH, or makes it. Its index is PATH.index, and the lock of its writer PATH.lock.N. Throws
 * STASIS_CKP_BUSY while another process (or another part of this one) writes to it.
 */
export function openCheckpointFile(path: string, options: OpenCheckpointFileOptions = {}): CheckpointFile {
  const { readOnly = false, ...rest } = options
  return CheckpointFile.open(openCheckpointStorage(path, readOnly), rest)
}

export function openCheckpointStorage(given: string, readOnly: boolean): CheckpointStorage {
  const path = resolve(given)
  const files: NodeFile[] = []
  let lock: FileLock | undefined
  try {
    if (!readOnly) lock = lockFile(path)
    const fd = openIfThere(path, readOnly) ?? (readOnly ? undefined : openSync(path, newFile, privateMode))
    if (fd === undefined) throw missing(given)
    files.push(new NodeFile(fd))
    files.push(openIndex(path, readOnly))
  } catch (error) {
    for (const file of files) file.close()
    lock?.release()
    if (isStasisError(error)) throw error
    const message = `The checkpoint file ${given} cannot be opened: ${(error as Error).message}.`
    throw new StasisError('STASIS_CKP_OPEN', message, { name: given }, { cause: error })
  }
  return {
    name: given,
    isWriter: !readOnly,
    get data() {
      return files[0]!
    },
    get index() {
      return files[1]!
    },
    replace: (fill) => replaceFile(path, fill, files),
    close: () => {
      for (const file of files) file.close()
      lock?.release()
    },
    crc32,
    equal: (a, b) => Buffer.compare(a, b) === 0,
    now: Date.now,
  }
}

function replaceFile(path: string, fill: (fresh: ByteFile) => void, files: NodeFile[]): void {
  const temporary = `${path}.tmp-${process.pid}-${randomUUID()}`
  const fresh = new NodeFile(openSync(temporary, newFile, privateMode))
  try {
    fill(fresh)
    fresh.sync()
    renameSync(temporary, path)
  } catch (error) {
    fresh.close()
    rmSync(temporary, { force: true })
    throw error
  }
  syncDirectory(dirname(path))
  files[0]!.close()
  files[0] = fresh
  // A new one, so that readers of the old data keep theirs; an index of other data is not believed.
  files[1]!.close()
  rmSync(`${path}.index`, { force: true })
  files[1] = openIndex(path, false)
}

/** Made when there is something to write, so that nothing is left beside a file that turns out to be another. */
function openIndex(path: string, readOnly: boolean): NodeFile {
  const fd = openIfThere(`${path}.index`, readOnly)
  return new NodeFile(fd ?? (readOnly ? undefined : () => openSync(`${path}.index`, newFile, privateMode)))
}

function openIfThere(path: string, readOnly: boolean): number | undefined {
  try {
    return openSync(path, readOnly ? 'r' : 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Makes a rename durable. Not all systems can open a directory. */
function syncDirectory(path: string): void {
  try {
    const fd = openSync(path, 'r')
    fsyncSync(fd)
    closeSync(fd)
  } catch {
    // Where it cannot be asked for there is nothing to wait for.
  }
}

/** For its owner alone. */
const privateMode = 0o600
const newFile = 'wx+'

/** Most systems take no more than 1,024 parts at once. */
const maxParts = 1000

class NodeFile implements ByteFile {
  #fd: number | undefined
  #make: (() => number) | undefined

  /** Without a descriptor a file that does not exist, and cannot be written to unless it can be made. */
  constructor(fd: number | (() => number) | undefined) {
    if (typeof fd === 'function') this.#make = fd
    else this.#fd = fd
  }

  size(): number {
    return this.#fd === undefined ? 0 : fstatSync(this.#fd).size
  }

  read(offset: number, target: Uint8Array): number {
    if (this.#fd === undefined) return 0
    let done = 0
    for (let count = 1; count > 0 && done < target.length; done += count) {
      count = readSync(this.#fd, target, done, target.length - done, offset + done)
    }
    return done
  }

  append(parts: readonly Uint8Array[]): void {
    let at = this.size()
    for (let first = 0; first < parts.length; first += maxParts)
      at += this.#write(parts.slice(first, first + maxParts), at)
  }

  truncate(size: number): void {
    ftruncateSync(this.#opened(), size)
  }

  sync(): void {
    fsyncSync(this.#opened())
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
    this.#make = undefined
  }

  #write(parts: readonly Uint8Array[], at: number): number {
    const total = parts.reduce((sum, part) => sum + part.length, 0)
    let rest = parts.filter((part) => part.length > 0)
    for (let done = 0; done < total; ) {
      let count = writevSync(this.#opened(), rest, at + done)
      done += count
      // The system may take less than it was given.
      while (count > 0 && count >= rest[0]!.length) {
        count -= rest[0]!.length
        rest = rest.slice(1)
      }
      if (count > 0) rest = [rest[0]!.subarray(count), ...rest.slice(1)]
    }
    return total
  }

  #opened(): number {
    this.#fd ??= this.#make?.()
    if (this.#fd !== undefined) return this.#fd
    throw new StasisError('STASIS_CKP_CLOSED', 'The checkpoint file was closed. Open it again.')
  }
}
