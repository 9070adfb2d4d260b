import { listSessions } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { openStore } from '../open-store.ts'
import { button, h } from './dom.ts'
import { importImage, importSession, kindOf } from './handover/import-file.ts'
import { Tabs } from './handover/tabs.ts'
import { messageOf } from './notice.ts'
import { describePhase, type Phase } from './phase.ts'
import { type Program, parseEnvironment, splitWords } from './program.ts'
import { SessionView } from './session-view.ts'
import { adoptStyles } from './styles.ts'

export interface OpenOptions {
  readonly store: Store
  readonly name: string
  readonly tabs: Tabs
  /** Absent: the session is there and goes on. */
  readonly program?: Program
  /** Whoever runs it is asked to stop. */
  readonly takesOver?: boolean
  readonly isFull?: boolean
  readonly addressOf?: (name: string, takesOver: boolean) => string
}

/**
 * `<stasis-session src="app.wasm">`: a program in a terminal that goes on where it was after a reload (docs/page.md).
 * Dispatches `stasis-state` with `{ name, state, where }` whenever that changes.
 */
export class StasisSession extends HTMLElement {
  #view: SessionView | undefined
  readonly #leave = () => this.#view?.controller.leave()

  constructor() {
    super()
    adoptStyles(this.attachShadow({ mode: 'open' }))
  }

  connectedCallback(): void {
    addEventListener('pagehide', this.#leave)
    if (this.hasAttribute('src') || this.hasAttribute('image')) void this.#openByAttributes()
  }

  disconnectedCallback(): void {
    removeEventListener('pagehide', this.#leave)
    this.#view?.dispose()
    this.#view = undefined
  }

  /** Shows a session: starts it with a program, else goes on with it. */
  async open(options: OpenOptions): Promise<void> {
    this.#view?.dispose()
    const { store, name, tabs, program, takesOver = false, isFull = true } = options
    const view = new SessionView(this.shadowRoot!, {
      ...{ store, name, tabs, isFull },
      addressOf: options.addressOf ?? (() => location.href),
      onPhase: (phase) => this.#tell(name, phase),
    })
    this.#view = view
    if (program === undefined) await view.open(takesOver)
    else await view.start(program)
    view.syncInput()
  }

  /** The session's controller, for pages that do more with it. */
  get view(): SessionView | undefined {
    return this.#view
  }

  #tell(name: string, phase: Phase): void {
    const { state, where } = describePhase(phase)
    this.dispatchEvent(
      new CustomEvent('stasis-state', {
        detail: { name, state, where, kind: phase.kind },
        bubbles: true,
        composed: true,
      }),
    )
  }

  async #openByAttributes(): Promise<void> {
    const text = (name: string) => this.getAttribute(name) ?? undefined
    try {
      const database = text('store') ?? 'stasis'
      const store = await openStore(`indexeddb:${database}`)
      const tabs = new Tabs(database)
      const src = text('src')
      const moduleName = (src ?? 'program').slice((src ?? '').lastIndexOf('/') + 1)
      const name = text('name') ?? (moduleName.replace(/\.wasm$/, '').replaceAll(/[^\w.-]/g, '-') || 'program')
      const isFull = text('view') === 'full'
      const sessions = await listSessions(store)
      if (sessions.some((session) => session.name === name)) return await this.open({ store, name, tabs, isFull })
      if (this.hasAttribute('image')) {
        const bytes = await fetchBytes(text('image')!)
        const module = src === undefined ? undefined : () => fetchBytes(src)
        if (kindOf(bytes) === 'session') await importSession(store, bytes, name)
        else await importImage(store, bytes, name, module)
        return await this.open({ store, name, tabs, isFull })
      }
      const program: Program = {
        ...{ title: name, module: src!, moduleName, files: {} },
        args: [text('argv0') ?? moduleName, ...splitWords(text('args') ?? '')],
        env: parseEnvironment(text('env') ?? ''),
        keys: this.hasAttribute('keys'),
        keepLog: this.hasAttribute('keep-log'),
      }
      const start = () => this.open({ store, name, tabs, isFull, program })
      if (this.hasAttribute('autostart')) await start()
      else this.#offer(name, start)
    } catch (error) {
      this.shadowRoot!.append(h('p', { role: 'alert', style: 'padding:16px' }, messageOf(error)))
    }
  }

  #offer(name: string, start: () => Promise<void>): void {
    const offer = h(
      'div',
      { class: 'veil' },
      button(
        `Run ${name}`,
        () => {
          offer.remove()
          void start()
        },
        { class: 'primary', style: 'pointer-events:auto' },
      ),
    )
    this.shadowRoot!.append(offer)
  }
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(new URL(url, document.baseURI))
  if (!response.ok)
    throw new Error(`${url} cannot be fetched: the server answered ${response.status} ${response.statusText}.`)
  return new Uint8Array(await response.arrayBuffer())
}

export function defineElement(): void {
  if (!customElements.get('stasis-session')) customElements.define('stasis-session', StasisSession)
}
