import { parseAddress } from '../runtime/store/address.ts'
import { listVersions } from '../runtime/store/checkpoints.ts'
import type { Store } from '../runtime/store/store.ts'
import type { ToWorker, WorkerMessage } from './worker-messages.ts'

export const createWorker = (): Worker =>
  new Worker(new URL('./browser-worker.js', import.meta.url), { type: 'module' })

/** A worker that reads and compiles a session's module while the page still reads its checkpoint. */
export class EarlyWorker {
  #worker: Worker | undefined = createWorker()
  /** Its script runs. */
  readonly loaded: Promise<void>

  constructor(store: Store, address: string) {
    const worker = this.#worker!
    this.loaded = new Promise((resolve) => {
      const listen = ({ data }: MessageEvent<WorkerMessage>) => {
        if (data.kind !== 'loaded') return
        worker.removeEventListener('message', listen)
        resolve()
      }
      worker.addEventListener('message', listen)
    })
    void this.#prepare(worker, findModule(store, address))
  }

  async #prepare(worker: Worker, finding: Promise<ToWorker['prepare'] | undefined>): Promise<void> {
    const [payload] = await Promise.all([finding.catch(() => undefined), this.loaded])
    // Where it has begun already, that comes too late.
    if (payload !== undefined && this.#worker === worker) worker.postMessage({ kind: 'prepare', payload })
  }

  /** The worker, once. */
  take(): Worker | undefined {
    const worker = this.#worker
    this.#worker = undefined
    return worker
  }

  /** Ends it if nobody took it. */
  end(): void {
    this.take()?.terminate()
  }
}

async function findModule(store: Store, address: string): Promise<ToWorker['prepare'] | undefined> {
  const { name, version } = parseAddress(address)
  const versions = await listVersions(store, name)
  const found = version === 0 ? versions.at(-1) : versions.find((one) => one.version === version)
  if (found?.content.kind !== 'intact') return undefined
  const { module, prelink } = found.content.manifest
  return { sha256: module.sha256, polls: prelink.polls }
}
