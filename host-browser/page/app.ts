import { listSessions } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { openStore } from '../open-store.ts'
import { h, replace } from './dom.ts'
import { giveFiles } from './handover/give-files.ts'
import { importImage, importSession, kindOf } from './handover/import-file.ts'
import { takeOver } from './handover/moves.ts'
import { takeFromServer } from './handover/server.ts'
import { Tabs } from './handover/tabs.ts'
import { HomeView } from './home/home-view.ts'
import { messageOf } from './notice.ts'
import { freeName, type Program } from './program.ts'
import { StasisSession } from './session-element.ts'

const database = 'stasis'

/** A session to be shown: `#name`, and `#name/take` where it is to be taken over from the tab that runs it. */
function readAddress(): { readonly name: string; readonly takesOver: boolean } | undefined {
  const match = /^#([\w.-]+)(\/take)?$/.exec(decodeURIComponent(location.hash))
  return match === null ? undefined : { name: match[1]!, takesOver: match[2] !== undefined }
}

/** The page: a list of programs and sessions, or one session, as the address says. */
export class App {
  readonly #main: HTMLElement
  readonly #tabs = new Tabs(database)
  readonly #store: Store
  #home: HomeView | undefined
  #element: StasisSession | undefined
  #shown: string | undefined

  static async open(main: HTMLElement): Promise<App> {
    return new App(main, await openStore(`indexeddb:${database}`))
  }

  private constructor(main: HTMLElement, store: Store) {
    this.#main = main
    this.#store = store
    addEventListener('hashchange', () => void this.#route())
    this.#tabs.listen((message, from) => {
      if (message.kind === 'who') this.#tabs.tell({ kind: 'here', title: this.#title(), isBusy: this.#isBusy }, from)
      if (message.kind === 'offer') this.#offered(message.session)
    })
    this.#acceptDrops()
    document.querySelector('a.name')?.addEventListener('click', (event) => {
      event.preventDefault()
      if (this.#shown !== undefined) this.#toHome()
    })
    void this.#route()
  }

  get #isBusy(): boolean {
    return this.#element?.view?.controller.isRunning ?? false
  }

  #title(): string {
    return this.#shown === undefined ? 'The tab with the list of programs' : `The tab with ${this.#shown}`
  }

  async #route(): Promise<void> {
    const address = readAddress()
    if (address === undefined) return this.#showHome()
    const { name, takesOver } = address
    if (takesOver) history.replaceState(null, '', `#${name}`)
    if (name === this.#shown) return
    const known = await listSessions(this.#store).catch(() => [])
    if (!known.some((session) => session.name === name)) {
      history.replaceState(null, '', '#')
      return this.#showHome(`There is no session ${name} in this browser. It has ended, was deleted, or was sent away.`)
    }
    await this.#showSession(name, undefined, takesOver)
  }

  #showHome(alert = ''): void {
    document.title = 'Stasis'
    this.#shown = undefined
    this.#element = undefined
    this.#home?.dispose()
    this.#home = new HomeView(this.#store, this.#tabs, {
      onStart: (program) => void this.#start(program),
      onFiles: (files) => void this.#take(files),
      onTake: async (name, place) => {
        const taken = await takeFromServer(this.#store, name, place, () => undefined)
        this.#tabs.tell({ kind: 'changed' })
        location.hash = taken
      },
    })
    replace(this.#main, this.#home.element)
    this.#home.alert(alert)
  }

  async #start(program: Program): Promise<void> {
    void navigator.storage?.persist?.().catch(() => false)
    const taken = new Set((await listSessions(this.#store)).map(({ name }) => name))
    const name = freeName(program.title, taken)
    await this.#showSession(name, program, false)
  }

  async #showSession(name: string, program: Program | undefined, takesOver: boolean): Promise<void> {
    this.#home?.dispose()
    this.#home = undefined
    this.#shown = name
    if (location.hash !== `#${name}`) history.pushState(null, '', `#${name}`)
    document.title = `${name} – Stasis`
    const element = new StasisSession()
    this.#element = element
    replace(this.#main, element)
    element.addEventListener('stasis-state', (event) => {
      const { state } = (event as CustomEvent<{ state: string }>).detail
      document.title = `${name}: ${state.toLowerCase()} – Stasis`
    })
    const addressOf = (other: string, takes: boolean) => `${location.pathname}#${other}${takes ? '/take' : ''}`
    const base = { store: this.#store, name, tabs: this.#tabs, takesOver, addressOf }
    await element.open(program === undefined ? base : { ...base, program })
  }

  /** Another tab sends a session here. */
  #offered(name: string): void {
    if (
      this.#isBusy &&
      !confirm(`Another tab sends ${name}. Leave ${this.#shown} (it is kept) and go on with ${name} here?`)
    )
      return
    const view = this.#shown === name ? this.#element?.view : undefined
    if (view !== undefined) void takeOver(view.controller)
    else location.hash = `${name}/take`
  }

  /** Files that were chosen or dropped. Those that are neither program nor session are refused, or go to `others`. */
  async #take(files: readonly File[], others?: (file: File) => Promise<void>): Promise<void> {
    for (const file of files) {
      try {
        const bytes = new Uint8Array(await file.arrayBuffer())
        if (others !== undefined && kindOf(bytes) === 'other') await others(file)
        else await this.#takeOne(file.name, bytes)
      } catch (error) {
        if (this.#home === undefined) this.#toHome()
        this.#home?.alert(messageOf(error))
      }
    }
  }

  async #takeOne(fileName: string, bytes: Uint8Array): Promise<void> {
    switch (kindOf(bytes)) {
      case 'module':
        if (this.#home === undefined) this.#toHome()
        this.#home?.form.choose(fileName, bytes)
        return
      case 'session':
      case 'image': {
        const name = await (kindOf(bytes) === 'image' ? importImage : importSession)(this.#store, bytes)
        this.#tabs.tell({ kind: 'changed' })
        location.hash = name
        return
      }
      case 'other':
        throw new Error(
          `${fileName} is neither a WebAssembly program nor a session of stasis: it begins with neither's first bytes.`,
        )
    }
  }

  /** To the session that is shown, or to the program that will be started. */
  async #giveFile(file: File): Promise<void> {
    const view = this.#element?.view
    if (view !== undefined) await giveFiles(view.controller, [file])
    else await this.#home?.form.addFiles([file])
  }

  #toHome(): void {
    history.pushState(null, '', '#')
    this.#showHome()
  }

  #acceptDrops(): void {
    const hint = h(
      'div',
      { class: 'drop-page', hidden: true },
      'Drop a .wasm or .stasis file, or a file for the program',
    )
    document.body.append(hint)
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    addEventListener('dragover', (event) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      hint.hidden = false
    })
    addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) hint.hidden = true
    })
    addEventListener('drop', (event) => {
      hint.hidden = true
      if (!hasFiles(event)) return
      event.preventDefault()
      void this.#take([...(event.dataTransfer?.files ?? [])], (file) => this.#giveFile(file))
    })
  }
}
