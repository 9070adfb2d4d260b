import { formatSize } from '../../../runtime/inspect/format.ts'
import { button, h } from '../dom.ts'
import type { FileEntry } from '../inspect/messages.ts'

/** Files of the session's own directories, which travel with it. */
export function filesPane(files: readonly FileEntry[], download: (file: FileEntry) => void): readonly HTMLElement[] {
  if (files.length === 0) {
    return [
      h('p', { class: 'soft' }, 'The program has written no files at this checkpoint. What it writes travels with it.'),
    ]
  }
  const rows = files.map((file) =>
    h(
      'tr',
      {},
      h('td', { class: 'mono' }, file.kind === 'directory' ? `${file.path}/` : file.path),
      h('td', { class: 'number' }, file.kind === 'file' ? formatSize(file.size) : ''),
      h(
        'td',
        { class: 'number' },
        file.kind === 'file'
          ? button('Save', () => download(file), { class: 'link', 'aria-label': `Save ${file.path}` })
          : null,
      ),
    ),
  )
  return [h('table', {}, h('tbody', {}, rows))]
}

/** Hands bytes to the reader as a file. */
export function saveAs(name: string, parts: readonly Uint8Array[], type = 'application/octet-stream'): void {
  const url = URL.createObjectURL(new Blob([...parts] as BlobPart[], { type }))
  const link = h('a', { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
