import type { ByteFile } from './storage.ts'

/** Bytes of one of the two files. As many are given as there are from `offset` on, up to `length`. */
export interface Wanted {
  readonly file: 'data' | 'index'
  readonly offset: number
  readonly length: number
}

/** An algorithm that reads: the same for files, which are read at once, and for stores, which are waited for. */
export type Reading<T> = Generator<Wanted, T, Uint8Array>

export function readSync<T>(reading: Reading<T>, files: { readonly data: ByteFile; readonly index?: ByteFile }): T {
  for (let step = reading.next(); ; ) {
    if (step.done === true) return step.value
    const { file, offset, length } = step.value
    const bytes = new Uint8Array(length)
    step = reading.next(bytes.subarray(0, files[file]?.read(offset, bytes) ?? 0))
  }
}

/** What `read` gives must start at a multiple of 8 bytes in its buffer, and not change afterwards. */
export async function readAsync<T>(reading: Reading<T>, read: (wanted: Wanted) => Promise<Uint8Array>): Promise<T> {
  for (let step = reading.next(); ; ) {
    if (step.done === true) return step.value
    step = reading.next(await read(step.value))
  }
}
