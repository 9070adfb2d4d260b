import type { CheckpointReport } from '../../../runtime/inspect/checkpoint-report.ts'
import { h } from '../dom.ts'

export function descriptorsPane({ descriptors, env }: CheckpointReport): readonly HTMLElement[] {
  const rows = descriptors.map(({ fd, type, path, flags, offset, moves, because }) => {
    const state = [...flags, ...(offset === undefined ? [] : [`at ${offset.toLocaleString('en-US')}`])].join(', ')
    return h(
      'tr',
      {},
      h('td', { class: 'number' }, fd),
      h(
        'td',
        {},
        path ?? type,
        h('div', { class: 'soft' }, path === undefined ? state : [type, state].filter(Boolean).join(', ')),
      ),
      h('td', { title: because }, moves, h('div', { class: 'soft' }, because)),
    )
  })
  return [
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'No.'),
          h('th', { scope: 'col' }, 'Open'),
          h('th', { scope: 'col' }, 'When it moves'),
        ),
      ),
      h('tbody', {}, rows),
    ),
    h('h4', {}, 'Environment'),
    h(
      'p',
      { class: 'soft', style: 'margin:0' },
      env.length === 0 ? 'No variable is set.' : `${env.join(', ')}. Values are not shown: they may be secrets.`,
    ),
  ]
}
