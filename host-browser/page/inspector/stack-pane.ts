import type { CheckpointReport, FrameReport } from '../../../runtime/inspect/checkpoint-report.ts'
import { formatSize, formatTime, plural } from '../../../runtime/inspect/format.ts'
import { h } from '../dom.ts'
import { describeCause } from '../timeline/causes.ts'

/** Deep recursions repeat themselves: so many frames from each end tell what is going on. */
const ends = 40

export function stackPane(report: CheckpointReport): readonly HTMLElement[] {
  const { version, time, cause, label, calls, size, module, args, stacks } = report
  const facts: readonly (readonly [string, string])[] = [
    ['taken', `${formatTime(time)}, ${describeCause(cause)}`],
    ...(label === undefined ? [] : [['label', label] as const]),
    ['program', args.join(' ')],
    ['module', `${module.name}, ${formatSize(module.size)}`],
    ['before call', calls.toLocaleString('en-US')],
    ['image', formatSize(size)],
  ]
  return [
    h('h4', {}, `Checkpoint ${version}`),
    h(
      'dl',
      { class: 'facts' },
      facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
    ),
    ...stacks.flatMap(({ entry, call, frames }) => [
      h('h4', {}, `Stack: ${plural(frames.length, 'frame')} from ${entry}`),
      h('p', { class: 'soft', style: 'margin:0 0 6px' }, 'About to call ', h('code', {}, call), '.'),
      frameList(frames),
      ...(module.present
        ? []
        : [h('p', { class: 'soft' }, 'The module is not in this store, so functions have numbers only.')]),
    ]),
    ...(stacks.length === 0 ? [h('p', { class: 'soft' }, 'The program waited to be called and had no stack.')] : []),
  ]
}

/** Innermost first. */
export function frameList(frames: readonly FrameReport[]): HTMLElement {
  const omitted = frames.length - 2 * ends
  const item = (frame: FrameReport) =>
    h('li', {}, h('span', {}, nameOf(frame)), h('small', {}, plural(frame.words, 'word')))
  if (omitted <= 1) return h('ol', { class: 'frames' }, frames.map(item))
  return h(
    'ol',
    { class: 'frames' },
    frames.slice(0, ends).map(item),
    h('li', { class: 'gap' }, h('span', {}, `… ${plural(omitted, 'frame')} more …`)),
    frames.slice(-ends).map(item),
  )
}

export function nameOf({ name, function: index, site }: FrameReport): string {
  return name ?? (index === null ? `call site ${site}` : `function ${index}`)
}
