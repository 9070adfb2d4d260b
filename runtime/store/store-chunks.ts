import { hex } from '../../wasm-shim/bytes/arrays.ts'
import type { ChunkSource, Payload } from '../log/chunks.ts'
import { addressSize } from '../log/layout.ts'
import type { LogRecord } from '../log/record.ts'
import { chunkName } from './session-log.ts'
import type { Store } from './store.ts'

/**
 * The beginnings of payloads that lie in a store as chunks, for views: `load` fetches what a record needs, and then it
 * is there to be read, until the next `load`.
 */
export class StoreChunks implements ChunkSource {
  readonly #store: Store
  readonly #session: string
  #loaded = new Map<string, Uint8Array>()

  constructor(store: Store, session: string) {
    this.#store = store
    this.#session = session
  }

  /** Whether `load` has anything to do. */
  static needs(record: LogRecord): boolean {
    return payloadsOf(record).some(isChunked)
  }

  /** Fetches the first chunk of each of the record's payloads. What the store does not have is not there afterwards. */
  async load(record: LogRecord): Promise<void> {
    const before = this.#loaded
    this.#loaded = new Map()
    for (const payload of payloadsOf(record)) {
      if (!isChunked(payload)) continue
      const address = hex(payload.bytes.subarray(0, addressSize))
      const chunk = before.get(address) ?? (await this.#store.get(chunkName(this.#session, address)))
      if (chunk !== undefined) this.#loaded.set(address, chunk)
    }
  }

  get(address: string): Uint8Array | undefined {
    return this.#loaded.get(address)
  }
}

const isChunked = ({ chunked, length }: Payload): boolean => chunked && length > 0

function payloadsOf(record: LogRecord): readonly Payload[] {
  switch (record.kind) {
    case 'call':
    case 'intent':
    case 'result':
      return [record.input, record.output]
    default:
      return []
  }
}
