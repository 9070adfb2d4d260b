import { listSessions, removeSession } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { h, replace } from '../dom.ts'
import type { ServerPlace } from '../handover/server.ts'
import type { Tabs } from '../handover/tabs.ts'
import { messageOf } from '../notice.ts'
import type { Program } from '../program.ts'
import { forgetSettings } from '../settings.ts'
import { galleryList, loadGallery } from './gallery.ts'
import { LaunchForm } from './launch-form.ts'
import { RemoteList } from './remote-list.ts'
import { sessionsList } from './sessions-list.ts'
import { storageLine } from './storage-line.ts'

export interface HomeEvents {
  readonly onStart: (program: Program) => void
  readonly onFiles: (files: readonly File[]) => void
  /** Fetches a session from the server that the page came from. */
  readonly onTake: (name: string, place: ServerPlace) => Promise<void>
}

/** Programs to start, one's own ones, and the sessions that are kept. */
export class HomeView {
  readonly element: HTMLElement
  readonly form: LaunchForm
  readonly #store: Store
  readonly #tabs: Tabs
  readonly #alert = h('p', { class: 'alert', role: 'alert', hidden: true })
  readonly #sessions = h('div')
  readonly #stopListening: () => void

  constructor(store: Store, tabs: Tabs, { onStart, onFiles, onTake }: HomeEvents) {
    this.#store = store
    this.#tabs = tabs
    this.form = new LaunchForm(onStart, onFiles)
    const remote = new RemoteList(onTake)
    const gallery = h('div', {}, h('p', { class: 'empty' }, 'Loading the list of programs…'))
    this.element = h(
      'div',
      { class: 'home' },
      this.#alert,
      h('h1', {}, 'Freeze a running program. Go on anywhere.'),
      h(
        'p',
        { class: 'lede' },
        'Unmodified WebAssembly programs, stopped in the middle of a call: reload this page, send them to another tab, a file or a server, and they go on from the same instant.',
      ),
      remote.element,
      h('section', { 'aria-labelledby': 'programs' }, h('h2', { id: 'programs' }, 'Start a program'), gallery),
      h(
        'section',
        { 'aria-labelledby': 'own' },
        h('h2', { id: 'own' }, 'Run a program of your own'),
        this.form.element,
      ),
      h(
        'section',
        { 'aria-labelledby': 'sessions' },
        h('h2', { id: 'sessions' }, 'Sessions in this browser'),
        this.#sessions,
        storageLine(),
      ),
    )
    void loadGallery().then((entries) =>
      replace(
        gallery,
        entries.length > 0
          ? galleryList(entries, onStart, () => this.form.pick())
          : h('p', { class: 'empty' }, 'This page was built without programs. Choose one of your own below.'),
      ),
    )
    this.#stopListening = tabs.listen((message) => {
      if (message.kind === 'changed') void this.refresh()
    })
    void this.refresh()
    void remote.refresh()
  }

  alert(text: string): void {
    this.#alert.textContent = text
    this.#alert.hidden = text === ''
    this.#alert.scrollIntoView({ block: 'nearest' })
  }

  async refresh(): Promise<void> {
    try {
      const sessions = await listSessions(this.#store)
      replace(
        this.#sessions,
        sessionsList(sessions, (name) => void this.#remove(name)),
      )
    } catch (error) {
      this.alert(messageOf(error))
    }
  }

  async #remove(name: string): Promise<void> {
    if (!confirm(`Delete ${name} with all its checkpoints?`)) return
    try {
      // Nobody may be running it.
      const lock = await this.#store.lock(name)
      try {
        await removeSession(this.#store, name)
      } finally {
        await lock.release()
      }
      forgetSettings(name)
      this.#tabs.tell({ kind: 'changed' })
    } catch (error) {
      this.alert(messageOf(error))
    }
    await this.refresh()
  }

  dispose(): void {
    this.#stopListening()
    this.element.remove()
  }
}
