import { formatSize, formatTime, plural } from '../../../runtime/inspect/format.ts'
import type { SessionInfo } from '../../../runtime/store/checkpoints.ts'
import { button, h } from '../dom.ts'

/** What is kept in this browser. */
export function sessionsList(sessions: readonly SessionInfo[], remove: (name: string) => void): HTMLElement {
  if (sessions.length === 0) {
    return h('p', { class: 'empty' }, 'None yet. What you start is kept here, and goes on after a reload.')
  }
  const items = sessions.map((session) => {
    const { name, owner } = session
    return h(
      'li',
      {},
      h('a', { href: `#${name}` }, name),
      h('span', { class: 'about' }, describe(session)),
      h(
        'span',
        { class: 'buttons' },
        button(
          'Resume',
          () => {
            location.hash = name
          },
          { 'aria-label': `Resume ${name}` },
        ),
        button('Delete', () => remove(name), {
          class: 'quiet danger',
          disabled: owner !== undefined,
          'aria-label': `Delete ${name}`,
          title: owner ? 'It runs in another tab' : '',
        }),
      ),
    )
  })
  return h('ul', { class: 'sessions' }, items)
}

function describe({ versions, log, owner, ended }: SessionInfo): string {
  const newest = versions.findLast(({ content }) => content.kind === 'intact')?.content
  const manifest = newest?.kind === 'intact' ? newest.manifest : undefined
  const bytes = versions.reduce((sum, { added }) => sum + added, log?.bytes ?? 0)
  const parts = [
    owner === undefined ? (ended === undefined ? '' : `ended with code ${ended}`) : 'running in another tab',
    manifest?.module.name ?? '',
    versions.length === 0 ? 'call log only' : plural(versions.length, 'checkpoint'),
    formatSize(bytes),
    manifest === undefined ? '' : formatTime(manifest.time).slice(0, 16),
  ]
  return parts.filter((part) => part !== '').join(', ')
}
