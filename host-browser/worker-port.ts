import { Flow, mostInFlight } from './flow.ts'
import type { FromWorker, WorkerScope, WorkerSetup } from './worker-messages.ts'

/** The way from the guest's worker to the page, of the host's own messages. */
export class WorkerPort {
  readonly #scope: WorkerScope
  readonly #flow: Flow | undefined
  #inFlight = 0

  constructor(scope: WorkerScope, { flow }: Pick<WorkerSetup, 'flow'>) {
    this.#scope = scope
    this.#flow = flow === undefined ? undefined : new Flow(flow)
  }

  post<Kind extends keyof FromWorker>(kind: Kind, payload: FromWorker[Kind]): void {
    this.#scope.postMessage({ kind, payload }, [])
  }

  /** The bytes are the page's from now on. Waits while too many are on their way. */
  postBytes<Kind extends 'output' | 'logAppend' | 'logChunk'>(kind: Kind, payload: FromWorker[Kind]): void {
    const { length, buffer } = payload.bytes
    if (this.#flow === undefined) this.#inFlight += length
    else this.#flow.send(length)
    this.#scope.postMessage({ kind, payload }, [buffer])
  }

  /** Where no memory is shared: the page has taken care of so many bytes. */
  taken(bytes: number): void {
    this.#inFlight -= bytes
  }

  /** Whether the guest should stand still until the page has taken care of more. */
  get isFull(): boolean {
    return this.#inFlight > mostInFlight
  }
}
