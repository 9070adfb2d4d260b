import type { FileListing } from '../../runtime/session/files/checkpoint-files.ts'
import { formatSize, formatTable, formatTime, printable } from './format.ts'
import type { Terminal } from './terminal.ts'

/** Files of a checkpoint for people. */
export function printListing(listing: readonly FileListing[], terminal: Terminal): string {
  if (listing.length === 0) return 'The checkpoint has no files.'
  const rows = listing.map(({ path, type, size, mtime, state, carried }) => [
    printable(type === 'directory' ? `${path}/` : path),
    type === 'file' ? formatSize(size) : type === 'unknown' ? '' : type,
    mtime === null ? '' : formatTime(mtime),
    carried || state === 'removed' ? state : terminal.style('yellow', `${state}, content left out`),
  ])
  return formatTable(
    [{ title: 'PATH' }, { title: 'SIZE', align: 'right' }, { title: 'CHANGED' }, { title: 'STATE' }],
    rows,
  )
}
