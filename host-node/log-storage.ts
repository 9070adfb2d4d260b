import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { provideChecksum } from '../runtime/log/checksum.ts'
import type { ChunkStore } from '../runtime/log/chunks.ts'
import type { LogFile, LogOptions, LogStorage, PlaceOf } from '../runtime/log/storage.ts'
import { removedChunk } from '../runtime/store/session-log.ts'
import { StasisError } from '../wasm-shim/errors.ts'

provideChecksum((bytes, from = 0) => crc32(bytes, from >>> 0) | 0)

/** Bytes read at a time. */
const pieceSize = 1 << 18
/** Until a full disk is tried again. */
const retryMilliseconds = 250
const full: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])
const addressBytes = 32

/**
 * A session's log in its directory of a store: segments, `chunks/<address>`, and beside each segment `<name>.chunks`, the
 * addresses that it needs, so that chunks can be removed with the last segment that needs them.
 */
export class FileLogStorage implements LogStorage {
  readonly chunks: ChunkStore
  readonly #directory: string
  readonly #options: LogOptions
  #needed: { readonly addresses: Set<string>; readonly file: FileLog } | undefined

  constructor({ path }: PlaceOf<'directory'>, options: LogOptions = {}) {
    this.#directory = path
    this.#options = options
    this.chunks = { put: (address, bytes) => this.#put(address, bytes), get: (address) => this.#get(address) }
  }

  *read(segment: string): Iterable<Uint8Array> {
    let fd: number
    try {
      fd = openSync(join(this.#directory, segment), 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    try {
      const piece = new Uint8Array(pieceSize)
      for (let count = 1; count > 0; ) {
        count = readSync(fd, piece, 0, piece.length, null)
        if (count > 0) yield piece.subarray(0, count)
      }
    } finally {
      closeSync(fd)
    }
  }

  open(segment: string, bytes: number): LogFile {
    this.#needed?.file.close()
    if (bytes > 0) this.#setRestAside(segment, bytes)
    const beside = `${join(this.#directory, segment)}.chunks`
    const known = bytes > 0 ? readAddresses(beside) : []
    const file = new FileLog(beside, known.length * addressBytes, this.#options)
    this.#needed = { addresses: new Set(known), file }
    return new FileLog(join(this.#directory, segment), bytes, this.#options)
  }

  setAside(segment: string): void {
    const path = join(this.#directory, segment)
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size === undefined) return
    if (size === 0) rmSync(path)
    else renameSync(path, freeName(path))
  }

  #setRestAside(segment: string, bytes: number): void {
    const path = join(this.#directory, segment)
    const rest = readFileSync(path).subarray(bytes)
    if (rest.length === 0) return
    const file = new FileLog(freeName(path), 0, this.#options)
    file.append(rest)
    file.close()
  }

  #put(address: string, bytes: Uint8Array): void {
    const needed = this.#needed
    if (needed === undefined || needed.addresses.has(address)) return
    // First, so that whoever removes chunks at this moment knows that this one is needed (runtime/store/retention.ts).
    needed.file.append(Buffer.from(address, 'hex'))
    if (this.#options.durable) needed.file.sync()
    needed.addresses.add(address)
    const path = join(this.#directory, 'chunks', address)
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size === bytes.length) return
    mkdirSync(join(this.#directory, 'chunks'), { recursive: true, mode: 0o700 })
    const file = new FileLog(path, 0, this.#options)
    file.append(bytes)
    if (this.#options.durable) file.sync()
    file.close()
  }

  #get(address: string): Uint8Array | undefined {
    const path = join(this.#directory, 'chunks', address)
    // Who died while it removed chunks may have left a needed one under its other name.
    const found = [path, removedChunk(path)].find(existsSync)
    return found === undefined ? undefined : new Uint8Array(readFileSync(found))
  }
}

/** `<segment>.lost`, or with a number where there is one already. */
function freeName(path: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? `${path}.lost` : `${path}.lost-${number}`
    if (!existsSync(name)) return name
  }
}

function readAddresses(path: string): string[] {
  if (!existsSync(path)) return []
  const bytes = readFileSync(path)
  const count = Math.floor(bytes.length / addressBytes)
  return Array.from({ length: count }, (_, i) => bytes.toString('hex', i * addressBytes, (i + 1) * addressBytes))
}

/** A file that is appended to by the guest's thread, and made when there is something to append. */
class FileLog implements LogFile {
  readonly #path: string
  readonly #options: LogOptions
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4))
  #fd: number | undefined
  #at: number
  /** The file's name is on the disk too. */
  #isNamed = false

  constructor(path: string, bytes: number, options: LogOptions) {
    this.#path = path
    this.#at = bytes
    this.#options = options
  }

  append(block: Uint8Array): void {
    let done = 0
    let isWaiting = false
    while (done < block.length) {
      try {
        this.#fd ??= this.#make()
        done += writeSync(this.#fd, block, done, block.length - done, this.#at + done)
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException
        if (!full.has(code)) throw this.#failed(error as Error)
        if (!isWaiting) this.#options.onFull?.(true, `${this.#path}: ${(error as Error).message}`)
        isWaiting = true
        Atomics.wait(this.#sleeper, 0, 0, retryMilliseconds)
      }
    }
    if (isWaiting) this.#options.onFull?.(false, this.#path)
    this.#at += done
  }

  #make(): number {
    const fd = openSync(this.#path, this.#at > 0 ? 'r+' : 'w', 0o600)
    if (this.#at > 0) ftruncateSync(fd, this.#at)
    return fd
  }

  #failed(cause: Error): StasisError {
    const message = `The call log ${this.#path} cannot be written: ${cause.message}. The session stops here; what was recorded before is intact.`
    return new StasisError('STASIS_LOG_WRITE', message, { path: this.#path }, { cause })
  }

  sync(): void {
    if (this.#fd === undefined) return
    fsyncSync(this.#fd)
    if (this.#isNamed) return
    this.#isNamed = true
    const directory = openSync(dirname(this.#path), 'r')
    fsyncSync(directory)
    closeSync(directory)
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
