import { causeClass } from '../../../runtime/inspect/causes.ts'
import { formatSize, formatTime, plural } from '../../../runtime/inspect/format.ts'
import { callGroups } from '../../../runtime/log/timeline.ts'
import { readScreen } from '../../../runtime/store/checkpoint-screen.ts'
import type { VersionInfo } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { button, h, replace, svg } from '../dom.ts'
import type { Inspection } from '../inspect/client.ts'
import type { CallGroups } from '../inspect/messages.ts'
import { describeCause, isAutomatic } from './causes.ts'
import { layoutTimeline, type MarkInput, type PlacedMark, type TimelineLayout } from './geometry.ts'
import type { Preview } from './preview.ts'

export interface TimelineEvents {
  /** None, one or two versions, in the order in which they were chosen. */
  readonly onSelect: (versions: readonly number[]) => void
  readonly onResume: (version: number) => void
  readonly onFork: (version: number) => void
}

interface Checkpoint extends MarkInput {
  readonly time: number
  readonly size: number
  readonly label: string | undefined
}

const space = { gap: 34, rowHeight: 46, margin: 24 }
/** The band that tells what calls were about, and the room for it below the marks. */
const band = { below: 20, height: 10 }
/** Pieces of the band that tells what calls were about. */
const pieces = 160
const count = (value: number) => value.toLocaleString('en-US')

/** Checkpoints and calls of a session, to be looked at, compared, and gone back to. */
export class TimelineView {
  readonly element: HTMLElement
  readonly #store: Store
  readonly #session: string
  readonly #inspection: Inspection
  readonly #preview: Preview
  readonly #events: TimelineEvents
  readonly #about = h('p', { class: 'about', 'aria-live': 'polite', style: 'margin:0' })
  readonly #buttons = h('div', { class: 'buttons' })
  readonly #track = h('div', { class: 'track' })
  readonly #legend = h('ul', { class: 'legend' })
  #checkpoints: readonly Checkpoint[] = []
  #damaged = 0
  #groups: CallGroups | undefined
  #selected: readonly number[] = []
  #isRunning = false

  constructor(store: Store, session: string, inspection: Inspection, preview: Preview, events: TimelineEvents) {
    this.#store = store
    this.#session = session
    this.#inspection = inspection
    this.#preview = preview
    this.#events = events
    this.element = h(
      'section',
      { class: 'timeline', 'aria-label': 'Timeline' },
      h('header', {}, h('h3', {}, 'Timeline'), this.#about, this.#buttons),
      this.#track,
      this.#legend,
    )
    new ResizeObserver(() => this.#draw()).observe(this.#track)
  }

  set isRunning(isRunning: boolean) {
    this.#isRunning = isRunning
    this.#draw()
  }

  /** What the store has now. */
  update(versions: readonly VersionInfo[]): void {
    this.#damaged = versions.filter(({ content }) => content.kind === 'damaged').length
    this.#checkpoints = versions.flatMap(({ version, size, added, content }): Checkpoint[] => {
      if (content.kind === 'damaged') return []
      const { calls, session, cause, time, label } = content.manifest
      return [{ version, calls, run: session.id.slice(0, 8), cause, time, size, label, added }]
    })
    const isThere = (version: number) => this.#checkpoints.some((one) => one.version === version)
    if (!this.#selected.every(isThere)) this.#select(this.#selected.filter(isThere))
    this.#draw()
  }

  async updateCalls(): Promise<void> {
    this.#groups = await this.#inspection.ask('groups', { pieces }).catch(() => undefined)
    this.#draw()
  }

  #draw(): void {
    const width = this.#track.clientWidth
    if (width === 0) return
    const last = Math.max(0, ...this.#checkpoints.map(({ calls }) => calls))
    const end = Math.max(last, this.#groups?.end ?? 0)
    const layout = layoutTimeline(this.#checkpoints, { ...space, width, end })
    const height = layout.height + band.below
    const focused = (this.element.getRootNode() as ShadowRoot).activeElement?.getAttribute('data-version')
    const canvas = h('div', { class: 'canvas', style: `width:${layout.width}px;height:${height}px` })
    canvas.append(this.#lines(layout, height, end), ...layout.marks.map((mark) => this.#mark(mark)))
    const { scrollLeft } = this.#track
    replace(this.#track, canvas)
    this.#track.scrollLeft = scrollLeft
    if (focused) this.#track.querySelector<HTMLElement>(`[data-version="${focused}"]`)?.focus({ preventScroll: true })
    this.#drawLegend()
    this.#drawHeader(end)
  }

  #lines(layout: TimelineLayout, height: number, end: number): SVGElement {
    const rows = layout.rows.map(({ origin, y, from, to }) => {
      const start =
        origin === undefined
          ? `M${Math.max(from, space.margin)} ${y}`
          : `M${origin.x} ${origin.y}C${origin.x} ${y} ${origin.x} ${y} ${Math.max(origin.x + 8, from)} ${y}`
      return svg('path', { class: 'lane', d: `${start}H${to}` })
    })
    if (layout.rows.length === 0)
      rows.push(svg('path', { class: 'lane', d: `M${space.margin} ${space.margin}H${layout.width - space.margin}` }))
    const y = layout.rows.at(-1)?.y ?? space.margin
    const now = this.#isRunning ? svg('circle', { class: 'now', cx: layout.xOf(end), cy: y, r: 4 }) : null
    return svg(
      'svg',
      { class: 'lines', width: layout.width, height, 'aria-hidden': 'true' },
      rows,
      now,
      this.#band(layout, height),
    )
  }

  /** What the calls were about, below the marks. */
  #band(layout: TimelineLayout, height: number): readonly SVGElement[] {
    const { pieces = [], first = 0, width = 1, end = 0 } = this.#groups ?? {}
    const top = height - band.height - 2
    return pieces.flatMap(({ calls, failed }, i) => {
      const from = first + i * width
      const x = layout.xOf(from)
      const right = Math.max(x + 0.75, layout.xOf(Math.min(end, from + width)))
      const sum = calls.reduce((all, one) => all + one, 0)
      if (sum === 0) return []
      let y = top
      const title = svg(
        'title',
        {},
        `calls ${count(from)} to ${count(Math.min(end, from + width) - 1)}${failed > 0 ? `, ${count(failed)} failed` : ''}`,
      )
      const parts = calls.map((one, group) => {
        const part = (band.height * one) / sum
        y += part
        return one === 0
          ? null
          : svg('rect', {
              class: 'call-group',
              x,
              width: right - x,
              y: y - part,
              height: part,
              fill: `var(--${callGroups[group]})`,
            })
      })
      return [svg('g', {}, title, parts)]
    })
  }

  #mark(mark: PlacedMark): HTMLElement {
    const one = this.#checkpoints.find(({ version }) => version === mark.version)!
    const text = this.#describe(one)
    const show = ({ currentTarget }: Event) => {
      const rect = (currentTarget as HTMLElement).getBoundingClientRect()
      void this.#preview.show(rect, text, readScreen(this.#store, this.#session, mark.version))
    }
    const hide = () => this.#preview.hide()
    return h(
      'button',
      {
        type: 'button',
        class: `mark ${causeClass(mark.cause)}${isAutomatic(mark.cause) ? ' automatic' : ''}`,
        style: `left:${mark.x.toFixed(1)}px;top:${mark.y}px;--size:${(2 * mark.radius).toFixed(1)}px`,
        'data-version': mark.version,
        'aria-pressed': this.#selected.includes(mark.version) ? 'true' : 'false',
        'aria-label': text,
        onclick: () => this.#toggle(mark.version),
        onpointerenter: show,
        onfocus: show,
        onpointerleave: hide,
        onblur: hide,
        onkeydown: (event) => {
          if ((event as KeyboardEvent).key === 'Escape') hide()
        },
      },
      h('span', { 'aria-hidden': 'true' }, mark.version),
    )
  }

  #describe({ version, cause, label, calls, time, added, size }: Checkpoint): string {
    const name = label === undefined ? '' : ` “${label}”`
    const bytes = `${formatSize(added ?? size)} added to the store, ${formatSize(size)} in all`
    return `Checkpoint ${version}${name}, ${describeCause(cause)}, ${formatTime(time)}, before call ${count(calls)}, ${bytes}`
  }

  #toggle(version: number): void {
    this.#preview.hide()
    const without = this.#selected.filter((one) => one !== version)
    this.#select(without.length < this.#selected.length ? without : [...without.slice(-1), version])
    this.#draw()
  }

  #select(versions: readonly number[]): void {
    this.#selected = versions
    this.#events.onSelect(versions)
  }

  #drawHeader(end: number): void {
    const [first, second] = this.#selected
    const buttons: HTMLElement[] = []
    if (first !== undefined && second === undefined) {
      const { version } = this.#checkpoints.find((one) => one.version === first)!
      replace(this.#about, `Checkpoint ${version} is shown at the side. Choose another one to compare.`)
      buttons.push(
        button(`Resume from ${version}`, () => this.#events.onResume(version)),
        button(`Fork from ${version}`, () => this.#events.onFork(version)),
      )
    } else if (first !== undefined && second !== undefined) {
      replace(this.#about, `From checkpoint ${Math.min(first, second)} to ${Math.max(first, second)}.`)
    } else replace(this.#about, this.#summary(end))
    if (first !== undefined) {
      buttons.push(
        button('Clear', () => {
          this.#select([])
          this.#draw()
        }),
      )
    }
    replace(this.#buttons, ...buttons)
  }

  #summary(end: number): string {
    const damaged =
      this.#damaged === 0 ? '' : ` ${plural(this.#damaged, 'checkpoint is', 'checkpoints are')} damaged and left out.`
    if (this.#checkpoints.length === 0)
      return `No checkpoint yet.${end > 0 ? ` ${plural(end, 'call')} in the log.` : ''}${damaged}`
    const bytes = this.#checkpoints.reduce((sum, { added, size }) => sum + (added ?? size), 0)
    return `${plural(this.#checkpoints.length, 'checkpoint')}, ${formatSize(bytes)}, ${plural(end, 'call')}.${damaged}`
  }

  #drawLegend(): void {
    const causes = [...new Set(this.#checkpoints.map(({ cause }) => cause))]
    const marks = causes.map((cause) =>
      h(
        'li',
        {},
        h('i', { class: `${causeClass(cause)}${isAutomatic(cause) ? ' automatic' : ''}` }),
        describeCause(cause),
      ),
    )
    const used = callGroups.filter((_, group) => this.#groups?.pieces.some(({ calls }) => calls[group]! > 0))
    const groups = used.map((group) =>
      h('li', {}, h('i', { class: 'square', style: `background:var(--${group})` }), groupNames[group]),
    )
    replace(this.#legend, ...marks, ...groups)
    this.#legend.hidden = marks.length + groups.length === 0
  }
}

const groupNames = {
  reading: 'reading',
  writing: 'writing',
  files: 'files',
  waiting: 'waiting',
  time: 'time and chance',
  sockets: 'sockets',
  program: 'arguments, environment, exit',
  host: 'functions of the host',
} as const
