import type { CheckpointReport } from '../../../runtime/inspect/checkpoint-report.ts'
import { formatSize, plural } from '../../../runtime/inspect/format.ts'
import { type MemoryMap, sumOf } from '../../../runtime/inspect/memory-map.ts'
import { h } from '../dom.ts'

/** Cells a row, and pixels a cell before the page scales them. */
const columns = 64
const cell = 5
export const mostCells = 64 * 64
const pageBytes = 4096

/** `before`: the version that the maps are compared with. */
export function memoryPane(
  { instances, version }: CheckpointReport,
  maps: readonly MemoryMap[],
  before: number | undefined,
): readonly HTMLElement[] {
  const globals = instances.reduce((sum, instance) => sum + instance.globals, 0)
  return [
    ...maps.flatMap((map, number) => {
      const used = sumOf(map.used) * pageBytes
      const changed = map.changed && sumOf(map.changed) * pageBytes
      const since = before === undefined ? '' : `, ${formatSize(changed ?? 0)} changed since checkpoint ${before}`
      const title = maps.length === 1 ? 'Memory' : `Memory ${number}`
      return [
        h('h4', {}, `${title}: ${formatSize(map.bytes)}`),
        h(
          'p',
          { class: 'soft', style: 'margin:0 0 8px' },
          `${formatSize(used)} are not zero${since}. A square is ${plural(map.pagesPerCell, 'page')} of 4 KiB.`,
        ),
        draw(map, `${title} of checkpoint ${version}: ${formatSize(used)} of ${formatSize(map.bytes)} used${since}`),
      ]
    }),
    h(
      'ul',
      { class: 'legend' },
      ...(before === undefined
        ? []
        : [h('li', {}, h('i', { class: 'square', style: 'background:var(--writing)' }), 'changed')]),
      h('li', {}, h('i', { class: 'square', style: 'background:var(--reading)' }), 'used'),
      h('li', {}, h('i', { class: 'square', style: 'background:var(--line)' }), 'zeros'),
    ),
    h('p', { class: 'soft' }, `${plural(globals, 'word')} of globals.`),
  ]
}

function draw(map: MemoryMap, label: string): HTMLElement {
  const cells = map.used.length
  const rows = Math.max(1, Math.ceil(cells / columns))
  const canvas = h('canvas', {
    class: 'map',
    width: columns * cell,
    height: rows * cell,
    role: 'img',
    'aria-label': label,
  })
  // Colours are known once it is in the page.
  requestAnimationFrame(() => paint(canvas, map))
  return canvas
}

function paint(canvas: HTMLCanvasElement, { used, changed, pagesPerCell }: MemoryMap): void {
  const context = canvas.getContext('2d')
  if (context === null) return
  const style = getComputedStyle(canvas)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const [zero, reading, writing] = [colour('--line'), colour('--reading'), colour('--writing')]
  for (let i = 0; i < used.length; i++) {
    const x = (i % columns) * cell
    const y = Math.floor(i / columns) * cell
    const fill = (paint: string, share: number) => {
      context.globalAlpha = 0.35 + 0.65 * Math.min(1, share)
      context.fillStyle = paint
      context.fillRect(x, y, cell - 1, cell - 1)
    }
    context.globalAlpha = 1
    context.fillStyle = zero
    context.fillRect(x, y, cell - 1, cell - 1)
    if (used[i]! > 0) fill(reading, used[i]! / pagesPerCell)
    if (changed?.[i]) fill(writing, 1)
  }
}
