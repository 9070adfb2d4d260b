/**
 * What tabs of one store tell each other (BroadcastChannel `stasis:<store>`), so that a session goes from one to another
 * and both say so. Who may run it is decided by the store's lock alone; these messages ask for it.
 *
 *   who                     which tabs are there; each answers with `here`
 *   release session         whoever runs it: answer `hearing` at once, stop with a checkpoint and answer `released` or `kept`
 *   taken session           it was taken over from whoever runs it and did not answer
 *   offer session           to one tab: take this session over
 *   changed                 sessions have come, gone or changed: look again
 */
export type TabMessage =
  | { readonly kind: 'who' }
  | { readonly kind: 'here'; readonly title: string; readonly isBusy: boolean }
  | { readonly kind: 'release'; readonly session: string }
  | { readonly kind: 'hearing'; readonly session: string }
  | { readonly kind: 'taken'; readonly session: string }
  | { readonly kind: 'released'; readonly session: string; readonly version?: number }
  | { readonly kind: 'kept'; readonly session: string; readonly reason: string }
  | { readonly kind: 'offer'; readonly session: string }
  | { readonly kind: 'changed' }

interface Envelope {
  readonly from: string
  /** Absent: all. */
  readonly to?: string
  readonly message: TabMessage
}

export interface OtherTab {
  readonly id: string
  readonly title: string
  readonly isBusy: boolean
}

/** Until a tab that is throttled in the background answers. */
const patience = 400

/** Milliseconds until a tab has heard, and until it has stopped a program with a checkpoint. */
export interface Patience {
  readonly hear: number
  readonly stop: number
}

export type TabListener = (message: TabMessage, from: string) => void

export class Tabs {
  readonly id: string = Array.from(crypto.getRandomValues(new Uint32Array(2)), (word) => word.toString(36)).join('')
  readonly #channel: BroadcastChannel
  readonly #listeners = new Set<TabListener>()

  constructor(store: string) {
    this.#channel = new BroadcastChannel(`stasis:${store}`)
    this.#channel.onmessage = ({ data }: MessageEvent<Envelope>) => {
      if (data.to !== undefined && data.to !== this.id) return
      this.#hear(data.message, data.from)
    }
  }

  #hear(message: TabMessage, from: string): void {
    for (const listener of [...this.#listeners]) listener(message, from)
  }

  tell(message: TabMessage, to?: string): void {
    const envelope: Envelope = { from: this.id, message, ...(to !== undefined && { to }) }
    this.#channel.postMessage(envelope)
    // A channel does not tell the tab that speaks.
    if (message.kind === 'changed') queueMicrotask(() => this.#hear(message, this.id))
  }

  /** Returns what ends it. */
  listen(listener: TabListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The other tabs that answer in time. */
  async others(): Promise<readonly OtherTab[]> {
    const found: OtherTab[] = []
    const stop = this.listen((message, id) => {
      if (message.kind === 'here') found.push({ id, title: message.title, isBusy: message.isBusy })
    })
    this.tell({ kind: 'who' })
    await new Promise((resolve) => setTimeout(resolve, patience))
    stop()
    return found
  }

  /**
   * Asks whoever runs the session to stop it. Resolves to how that went; 'silent' where nobody hears it in time, as a tab
   * that was closed or is frozen, or nobody has done it in time.
   */
  askToRelease(
    session: string,
    { hear, stop: whole }: Patience,
  ): Promise<'released' | 'silent' | { readonly kept: string }> {
    return new Promise((resolve) => {
      const finish = (outcome: 'released' | 'silent' | { readonly kept: string }) => {
        stop()
        clearTimeout(timer)
        resolve(outcome)
      }
      const silent = () => finish('silent')
      let timer = setTimeout(silent, hear)
      const stop = this.listen((message) => {
        if (message.kind === 'hearing' && message.session === session) {
          clearTimeout(timer)
          timer = setTimeout(silent, whole)
        }
        if (message.kind === 'released' && message.session === session) finish('released')
        if (message.kind === 'kept' && message.session === session) finish({ kept: message.reason })
      })
      this.tell({ kind: 'release', session })
    })
  }

  close(): void {
    this.#channel.close()
  }
}
