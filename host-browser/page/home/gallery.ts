import { formatSize } from '../../../runtime/inspect/format.ts'
import { h } from '../dom.ts'
import type { Program } from '../program.ts'

/** A row of programs.json, which scripts/web.mjs writes. */
export interface GalleryEntry {
  readonly id: string
  readonly title: string
  /** A sentence, and what to try first. */
  readonly text: string
  readonly module: string
  /** Bytes. */
  readonly size: number
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly keys?: boolean
}

/** Empty where the page was built without programs. */
export async function loadGallery(): Promise<readonly GalleryEntry[]> {
  const response = await fetch('programs/programs.json').catch(() => undefined)
  return response?.ok ? ((await response.json()) as readonly GalleryEntry[]) : []
}

export function programOf({ id, module, args, env = {}, keys = false }: GalleryEntry): Program {
  const moduleName = module.slice(module.lastIndexOf('/') + 1)
  return { title: id, module, moduleName, args, env, keys, keepLog: false, files: {} }
}

export function galleryList(
  entries: readonly GalleryEntry[],
  start: (program: Program) => void,
  chooseOwn: () => void,
): HTMLElement {
  const items = entries.map((entry) =>
    h(
      'li',
      {},
      h(
        'button',
        { type: 'button', 'data-program': entry.id, onclick: () => start(programOf(entry)) },
        h('b', {}, entry.title),
        h('span', { class: 'size' }, formatSize(entry.size)),
        h('span', { class: 'text' }, entry.text),
      ),
    ),
  )
  const own = h(
    'li',
    {},
    h(
      'button',
      { type: 'button', class: 'own-card', onclick: chooseOwn },
      h('b', {}, 'Your own'),
      h(
        'span',
        { class: 'text' },
        'Any WASI program (.wasm), or a session that was saved (.stasis). Drop it anywhere, or choose it.',
      ),
    ),
  )
  return h('ul', { class: 'programs' }, items, own)
}
