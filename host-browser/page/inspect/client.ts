import type { Answered, Answers, Asked, Questions } from './messages.ts'

interface Waiting {
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
}

/** Asks about one session of a store; the worker is started with the first question. */
export class Inspection {
  readonly #store: string
  readonly #session: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #lastId = 0

  constructor(store: string, session: string) {
    this.#store = store
    this.#session = session
  }

  ask<K extends keyof Questions>(kind: K, question: Questions[K]): Promise<Answers[K]> {
    this.#worker ??= this.#open()
    const worker = this.#worker
    const id = ++this.#lastId
    const asked: Asked = { id, store: this.#store, session: this.#session, kind, question }
    return new Promise<Answers[K]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage(asked)
    })
  }

  #open(): Worker {
    const worker = new Worker(new URL('./inspect-worker.js', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<Answered>) => {
      const waiting = this.#waiting.get(data.id)
      this.#waiting.delete(data.id)
      if ('error' in data) waiting?.reject(new Error(data.error))
      else waiting?.resolve(data.answer as never)
    }
    worker.onerror = (event) => {
      const error = new Error(event.message || 'The script that reads checkpoints could not be loaded.')
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    }
    return worker
  }

  dispose(): void {
    this.#worker?.terminate()
  }
}
