import { diffCheckpoints } from '../../../runtime/inspect/checkpoint-diff.ts'
import type { CheckpointReport } from '../../../runtime/inspect/checkpoint-report.ts'
import { formatSize, plural } from '../../../runtime/inspect/format.ts'
import { type MemoryMap, sumOf } from '../../../runtime/inspect/memory-map.ts'
import { h } from '../dom.ts'
import { frameList } from './stack-pane.ts'

const pageBytes = 4096

/** What has happened between two checkpoints. `maps` are those of the later one, compared with the earlier. */
export function changesPane(
  before: CheckpointReport,
  after: CheckpointReport,
  maps: readonly MemoryMap[],
): readonly HTMLElement[] {
  const { calls, milliseconds, grown, stack, descriptors } = diffCheckpoints(before, after)
  const changed = maps.reduce((sum, map) => sum + sumOf(map.changed ?? new Uint32Array(0)), 0)
  const facts: readonly (readonly [string, string])[] = [
    ['calls', signed(calls)],
    ['time', duration(milliseconds)],
    ['memory', `${formatSize(changed * pageBytes)} in ${plural(changed, 'page')} changed`],
    ...(grown === 0 ? [] : [['grown by', formatSize(grown)] as const]),
    ['image', `${formatSize(before.size)} → ${formatSize(after.size)}`],
  ]
  const { opened, closed, moved } = descriptors
  const named = (path: string | undefined, fd: number, type: string) => `${fd}: ${path ?? type}`
  const list = (title: string, texts: readonly string[]) =>
    texts.length === 0
      ? []
      : [
          h('h4', {}, title),
          h(
            'ul',
            { class: 'frames' },
            texts.map((text) => h('li', {}, h('span', {}, text))),
          ),
        ]
  return [
    h('h4', {}, `From checkpoint ${before.version} to ${after.version}`),
    h(
      'dl',
      { class: 'facts' },
      facts.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
    ),
    h('h4', {}, 'Stack'),
    h('p', { class: 'soft', style: 'margin:0 0 6px' }, stackText(stack.same, stack.left.length, stack.entered.length)),
    ...(stack.left.length === 0 ? [] : [h('h4', {}, 'Frames left'), frameList(stack.left)]),
    ...(stack.entered.length === 0 ? [] : [h('h4', {}, 'Frames entered'), frameList(stack.entered)]),
    ...list(
      'Opened',
      opened.map(({ fd, path, type }) => named(path, fd, type)),
    ),
    ...list(
      'Closed',
      closed.map(({ fd, path, type }) => named(path, fd, type)),
    ),
    ...list(
      'Read or written',
      moved.map(({ fd, path, from, to }) => `${fd}: ${path}, ${from} → ${to}`),
    ),
  ]
}

const signed = (value: number): string => `${value > 0 ? '+' : ''}${value.toLocaleString('en-US')}`

function duration(milliseconds: number): string {
  if (Math.abs(milliseconds) < 10_000) return `${(milliseconds / 1000).toFixed(2)} s`
  if (Math.abs(milliseconds) < 120_000) return `${Math.round(milliseconds / 1000)} s`
  return `${Math.round(milliseconds / 60_000)} min`
}

function stackText(same: number, left: number, entered: number): string {
  if (left === 0 && entered === 0) return `All ${plural(same, 'frame')} are at the same places.`
  return `${plural(same, 'frame')} from the outermost on ${same === 1 ? 'is at the same place' : 'are at the same places'}.`
}
