import type { ChunkStore } from '../runtime/log/chunks.ts'
import type { LogFile, LogStorage } from '../runtime/log/storage.ts'
import type { WorkerSetup } from './worker-messages.ts'
import type { WorkerPort } from './worker-port.ts'

/**
 * The call log as the guest's worker sees it: what is to be replayed is there, what is written is sent to the page, which
 * lets no effect out before it is in the store. So a block that was sent counts as written.
 */
export class WorkerLog implements LogStorage {
  readonly chunks: ChunkStore
  readonly #port: WorkerPort
  readonly #tail: WorkerSetup['tail']
  readonly #known: Map<string, Uint8Array>
  #segment = ''
  /** Chunks that the page was given for this segment. */
  #sent = new Set<string>()

  constructor(port: WorkerPort, { tail, chunks }: Pick<WorkerSetup, 'tail' | 'chunks'>) {
    this.#port = port
    this.#tail = tail
    this.#known = new Map(chunks.map(({ address, bytes }) => [address, bytes]))
    this.chunks = {
      put: (address, bytes) => this.#put(address, bytes),
      get: (address) => this.#known.get(address),
    }
  }

  *read(segment: string): Iterable<Uint8Array> {
    const found = this.#tail.find(({ name }) => name === segment)
    if (found !== undefined) yield found.bytes
  }

  open(segment: string, bytes: number): LogFile {
    this.#segment = segment
    this.#sent = new Set()
    if (bytes > 0) this.#port.post('logOpen', { segment, bytes })
    let at = bytes
    return {
      append: (block) => {
        this.#port.postBytes('logAppend', { segment, at, bytes: block.slice() })
        at += block.length
      },
      sync: () => undefined,
      close: () => undefined,
    }
  }

  setAside(segment: string): void {
    this.#port.post('logSetAside', { segment })
  }

  #put(address: string, bytes: Uint8Array): void {
    if (this.#sent.has(address)) return
    this.#sent.add(address)
    this.#port.postBytes('logChunk', { segment: this.#segment, address, bytes: bytes.slice() })
  }
}
