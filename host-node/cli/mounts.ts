import type { MountGrant } from '../../runtime/inspect/command-words.ts'
import { UsageError } from './usage-error.ts'

export { formatMount, type MountGrant, shellJoin, shellQuote } from '../../runtime/inspect/command-words.ts'

/**
 * 'HOST[::GUEST][:ro]'. Without GUEST the guest sees the directory under the path as given. ':rw' is accepted for
 * symmetry; a host path that itself ends in ':ro' is written 'HOST::GUEST:rw'.
 */
export function parseMount(given: string): MountGrant {
  const suffix = /:(ro|rw)$/.exec(given)
  const paths = suffix ? given.slice(0, suffix.index) : given
  const separator = paths.indexOf('::')
  const host = separator < 0 ? paths : paths.slice(0, separator)
  const guest = separator < 0 ? paths : paths.slice(separator + 2)
  if (host === '' || guest === '')
    throw new UsageError(
      `"${given}" names no directory; write --dir HOST or --dir HOST::GUEST, for example ./data::/data.`,
    )
  if (separator < 0 && /^[^/.].*:\//.test(paths))
    throw new UsageError(
      `"${given}" has one colon; between host and guest directory stand two: ${paths.replace(':/', '::/')}`,
    )
  return { host, guest, readOnly: suffix?.[1] === 'ro' }
}
