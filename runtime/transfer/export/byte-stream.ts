import { concat } from '../../../wasm-shim/bytes/arrays.ts'
import { exportDamaged } from './layout.ts'

/** Takes bytes out of a stream of pieces. What was not delivered is never allocated, whatever a length claims. */
export class ByteStream {
  readonly #source: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array(0)
  /** Bytes taken so far. */
  offset = 0

  constructor(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  }

  /** So many bytes, fewer at the end. */
  async take(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let missing = length
    while (missing > 0) {
      if (this.#piece.length === 0) {
        const { done = false, value } = await this.#source.next()
        if (done) break
        this.#piece = value
        continue
      }
      const part = this.#piece.subarray(0, missing)
      parts.push(part)
      missing -= part.length
      this.#piece = this.#piece.subarray(part.length)
    }
    this.offset += length - missing
    return concat(parts)
  }

  /** So many bytes; throws where there are fewer. */
  async need(length: number): Promise<Uint8Array> {
    const bytes = await this.take(length)
    if (bytes.length < length) throw exportDamaged('it ends there', this.offset)
    return bytes
  }

  /** The zeros behind `length` bytes, up to a multiple of 8. */
  async skipPadding(length: number): Promise<void> {
    const { offset } = this
    const zeros = await this.need(-length & 7)
    if (zeros.some((byte) => byte !== 0)) throw exportDamaged('the padding is not zero', offset)
  }
}
