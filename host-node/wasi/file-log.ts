import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { StasisError } from '../../wasm-shim/errors.ts'
import type { Chunks } from './call-log.ts'
import type { LogTarget } from './log-option.ts'

/** Chunks of `path` are files in this directory beside it, named by their addresses. */
const chunkDirectory = (path: string): string => `${path}.chunks`
const pieceSize = 64 * 1024

export interface FileLog extends LogTarget {
  close(): void
}

/**
 * For the option `log`: writes the call log to a new file, and its large payloads to the directory `<path>.chunks` beside
 * it. Bytes are with the operating system before the call that they announce is made. Throws StasisError STASIS_LOG_FILE
 * where the file exists or cannot be made; so does the sink where it cannot be written, which ends the program.
 */
export function fileLog(path: string): FileLog {
  const fd = guarded(path, 'made', () => openSync(path, 'wx'))
  const directory = chunkDirectory(path)
  let size = 0
  return {
    sink: (block) => {
      // At its place, since a block that failed in the middle is offered again.
      for (let done = 0; done < block.length; ) {
        const at = done
        done += guarded(path, 'written', () => writeSync(fd, block, at, block.length - at, size + at))
      }
      size += block.length
    },
    chunks: {
      put: (address, bytes) => {
        const file = join(directory, address)
        if (existsSync(file)) return
        guarded(directory, 'written', () => {
          mkdirSync(directory, { recursive: true })
          writeFileSync(`${file}.tmp`, bytes)
          renameSync(`${file}.tmp`, file)
        })
      },
      get: (address) => readChunk(directory, address),
    },
    close: () => closeSync(fd),
  }
}

/**
 * For the option `replay`: what `fileLog` wrote. The file is read a piece at a time, from when the WASI is made. STASIS_LOG_FILE
 * where it cannot be read.
 */
export function readFileLog(path: string): { readonly bytes: Iterable<Uint8Array>; readonly chunks: Chunks } {
  const directory = chunkDirectory(path)
  return {
    bytes: { [Symbol.iterator]: () => pieces(path) },
    chunks: { get: (address) => readChunk(directory, address) },
  }
}

function* pieces(path: string): Generator<Uint8Array> {
  const fd = guarded(path, 'opened', () => openSync(path, 'r'))
  try {
    for (;;) {
      const piece = new Uint8Array(pieceSize)
      const count = guarded(path, 'read', () => readSync(fd, piece, 0, pieceSize, null))
      if (count === 0) return
      yield piece.subarray(0, count)
    }
  } finally {
    closeSync(fd)
  }
}

/** What there is not, or cannot be read, is told by the replay as a chunk that is missing. */
function readChunk(directory: string, address: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{64}$/.test(address)) return undefined
  try {
    return new Uint8Array(readFileSync(join(directory, address)))
  } catch {
    return undefined
  }
}

const remedies = {
  made: 'Give a path that does not exist yet.',
  written: 'Make room, or record elsewhere.',
  opened: 'Give the path of a log.',
  read: 'Give the path of a log.',
} as const

function guarded<T>(path: string, what: keyof typeof remedies, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `The call log ${path} cannot be ${what}: ${reason}. ${remedies[what]}`
    throw new StasisError('STASIS_LOG_FILE', message, { path }, { cause })
  }
}
