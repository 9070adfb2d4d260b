import { h, replace } from '../dom.ts'
import type { Inspection } from '../inspect/client.ts'
import type { Answers } from '../inspect/messages.ts'
import { messageOf } from '../notice.ts'
import { CallsPane } from './calls-pane.ts'
import { changesPane } from './changes-pane.ts'
import { descriptorsPane } from './descriptors-pane.ts'
import { filesPane, saveAs } from './files-pane.ts'
import { memoryPane, mostCells } from './memory-pane.ts'
import { stackPane } from './stack-pane.ts'

const tabs = { stack: 'Stack', descriptors: 'Open', files: 'Files', memory: 'Memory', calls: 'Calls' } as const
type Tab = keyof typeof tabs

type Report = Answers['report']

/** What is in a checkpoint, or between two, and the calls of the session. */
export class InspectorView {
  readonly element: HTMLElement
  readonly #inspection: Inspection
  readonly #pane = h('div', {
    class: 'pane',
    role: 'tabpanel',
    id: 'inspector-pane',
    tabindex: 0,
    'aria-labelledby': 'tab-stack',
  })
  readonly #buttons: Readonly<Record<Tab, HTMLButtonElement>>
  readonly #calls: CallsPane
  #tab: Tab = 'stack'
  #versions: readonly number[] = []
  #all: readonly number[] = []
  #shown: { readonly key: string; readonly reports: readonly Report[] } | undefined
  #turn = 0

  constructor(inspection: Inspection) {
    this.#inspection = inspection
    this.#calls = new CallsPane(inspection)
    const names = Object.keys(tabs) as Tab[]
    const tabButton = (tab: Tab) =>
      h(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `tab-${tab}`,
          'aria-controls': 'inspector-pane',
          onclick: () => this.#open(tab),
        },
        tabs[tab],
      )
    this.#buttons = Object.fromEntries(names.map((tab) => [tab, tabButton(tab)])) as Record<Tab, HTMLButtonElement>
    const step = (by: number) => names[(names.indexOf(this.#tab) + by + names.length) % names.length]!
    const bar = h(
      'div',
      {
        class: 'tabs',
        role: 'tablist',
        'aria-label': 'Inspector',
        onkeydown: (event) => {
          const { key } = event as KeyboardEvent
          if (key !== 'ArrowRight' && key !== 'ArrowLeft') return
          this.#open(step(key === 'ArrowRight' ? 1 : -1))
          this.#buttons[this.#tab].focus()
        },
      },
      ...names.map((tab) => this.#buttons[tab]),
    )
    this.element = h('aside', { class: 'side', 'aria-label': 'Inspector' }, bar, this.#pane)
    this.#open('stack')
  }

  /** `chosen`: one or two versions; none for the newest of `all`. */
  show(chosen: readonly number[], all: readonly number[]): void {
    this.#versions = [...chosen].sort((a, b) => a - b)
    this.#all = all
    void this.#render()
  }

  #open(tab: Tab): void {
    this.#tab = tab
    for (const [name, button] of Object.entries(this.#buttons)) {
      button.setAttribute('aria-selected', String(name === tab))
      button.tabIndex = name === tab ? 0 : -1
    }
    this.#pane.setAttribute('aria-labelledby', `tab-${tab}`)
    void this.#render()
  }

  async #render(): Promise<void> {
    const turn = ++this.#turn
    if (this.#tab === 'calls') {
      replace(this.#pane, this.#calls.element)
      return this.#calls.refresh()
    }
    const newest = this.#all.at(-1)
    const versions = this.#versions.length > 0 ? this.#versions : newest === undefined ? [] : [newest]
    if (versions.length === 0) {
      replace(
        this.#pane,
        h(
          'p',
          { class: 'soft' },
          'Take a checkpoint to look inside: the call stack with its functions, open descriptors, files and memory.',
        ),
      )
      return
    }
    try {
      const reports = await this.#read(versions)
      if (turn === this.#turn) replace(this.#pane, ...this.#content(versions, reports))
    } catch (error) {
      if (turn === this.#turn) replace(this.#pane, h('p', { class: 'bad' }, messageOf(error)))
    }
  }

  /** The last of `versions` is compared with the first, or, alone, with the one before it. */
  async #read(versions: readonly number[]): Promise<readonly Report[]> {
    const before = this.#before(versions)
    const key = `${versions.join()} ${before}`
    if (this.#shown?.key === key) return this.#shown.reports
    if (this.#shown === undefined)
      replace(this.#pane, h('p', { class: 'soft', role: 'status' }, 'Reading the checkpoint…'))
    const reports: Report[] = []
    for (const version of versions) {
      const compared = version === versions.at(-1) ? before : undefined
      reports.push(
        await this.#inspection.ask('report', {
          version,
          cells: mostCells,
          ...(compared !== undefined && { before: compared }),
        }),
      )
    }
    this.#shown = { key, reports }
    return reports
  }

  #before(versions: readonly number[]): number | undefined {
    if (versions.length === 2) return versions[0]
    return this.#all.findLast((version) => version < versions[0]!)
  }

  #content(versions: readonly number[], reports: readonly Report[]): readonly HTMLElement[] {
    const { report, maps, files } = reports.at(-1)!
    const before = this.#before(versions)
    switch (this.#tab) {
      case 'stack':
        return reports.length === 2 ? changesPane(reports[0]!.report, report, maps) : stackPane(report)
      case 'descriptors':
        return descriptorsPane(report)
      case 'files':
        return filesPane(files, ({ mount, path }) => void this.#download(report.version!, mount, path))
      case 'memory':
        return memoryPane(report, maps, before)
      case 'calls':
        return []
    }
  }

  async #download(version: number, mount: number, path: string): Promise<void> {
    const { bytes } = await this.#inspection.ask('file', { version, mount, path })
    saveAs(path.slice(path.lastIndexOf('/') + 1), [bytes])
  }
}
