import { StasisError } from '../../../wasm-shim/errors.ts'
import { type ByteFile, busy, type CheckpointStorage } from './storage.ts'

/** A file that is nothing but bytes. */
export class MemoryFile implements ByteFile {
  #bytes: Uint8Array
  #size: number

  constructor(content: Uint8Array = new Uint8Array(0)) {
    this.#bytes = content.slice()
    this.#size = content.length
  }

  /** A copy. */
  get content(): Uint8Array {
    return this.#bytes.slice(0, this.#size)
  }

  size(): number {
    return this.#size
  }

  read(offset: number, target: Uint8Array): number {
    const found = this.#bytes.subarray(Math.min(offset, this.#size), Math.min(offset + target.length, this.#size))
    target.set(found)
    return found.length
  }

  append(parts: readonly Uint8Array[]): void {
    const size = parts.reduce((sum, part) => sum + part.length, this.#size)
    if (size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, this.#size))
      this.#bytes = grown
    }
    for (const part of parts) {
      this.#bytes.set(part, this.#size)
      this.#size += part.length
    }
  }

  truncate(size: number): void {
    this.#bytes.fill(0, size, this.#size)
    this.#size = Math.min(size, this.#size)
  }

  sync(): void {}
}

/** A checkpoint file that lives as long as the process, and can be opened again and again. */
export class MemoryCheckpoints {
  data: MemoryFile
  index: MemoryFile
  #isLocked = false

  constructor(data?: Uint8Array, index?: Uint8Array) {
    this.data = new MemoryFile(data)
    this.index = new MemoryFile(index)
  }

  /** Throws STASIS_CKP_BUSY where there is a writer, STASIS_CKP_MISSING where there is nothing to read. */
  open({ readOnly = false }: { readonly readOnly?: boolean } = {}): CheckpointStorage {
    const name = 'in memory'
    if (readOnly) {
      if (this.data.size() === 0) throw missing(name)
      const replace = () => {
        throw new StasisError('STASIS_CKP_READ_ONLY', `The checkpoint file ${name} was opened to be read.`)
      }
      return { name, isWriter: false, data: this.data, index: this.index, replace, close: () => {} }
    }
    if (this.#isLocked) throw busy(name, 'another part of this program')
    this.#isLocked = true
    return this.#writer(name)
  }

  #writer(name: string): CheckpointStorage {
    const disk = this
    let isHeld = true
    return {
      name,
      isWriter: true,
      get data() {
        return disk.data
      },
      get index() {
        return disk.index
      },
      replace: (fill) => {
        const fresh = new MemoryFile()
        fill(fresh)
        disk.data = fresh
        // Readers keep theirs.
        disk.index = new MemoryFile()
      },
      close: () => {
        if (isHeld) disk.#isLocked = false
        isHeld = false
      },
    }
  }
}

export function missing(name: string): StasisError {
  return new StasisError('STASIS_CKP_MISSING', `There is no checkpoint file ${name}. Check its name.`, { name })
}
