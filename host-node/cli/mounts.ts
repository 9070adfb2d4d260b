import type { MountGrant } from '../../runtime/inspect/command-words.ts'
import { UsageError } from './usage-error.ts'

export { formatMount, type MountGrant, shellJoin, shellQuote } from '../../runtime/inspect/command-words.ts'

/** A directory that lives in the session. */
export interface MemoryGrant {
  readonly guest: string
  readonly memory: true
}

/**
 * 'HOST[::GUEST][:ro|:overlay]'. Without GUEST the guest sees the directory under the path as given. ':rw' is accepted for
 * symmetry; a host path that itself ends in ':ro' or ':overlay' is written 'HOST::GUEST:rw'.
 */
export function parseMount(given: string): MountGrant {
  const suffix = /:(ro|rw|overlay)$/.exec(given)
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
  return { host, guest, readOnly: suffix?.[1] === 'ro', ...(suffix?.[1] === 'overlay' && { overlay: true }) }
}

/** The guest's name of a directory in memory. */
export function parseMemory(guest: string): MemoryGrant {
  if (guest === '' || guest.includes('::')) {
    throw new UsageError(`"${guest}" is no directory of the guest; write --mem GUEST, for example --mem /tmp.`)
  }
  return { guest, memory: true }
}

/** Grants as a replay takes them, which reads nothing but what lies below overlays. */
export function overlaysOf(mounts: readonly MountGrant[]) {
  return mounts.map(({ host, guest, overlay }) => {
    if (overlay !== true)
      throw new UsageError(`--dir ${host}: only overlays are read here; write ${host}::${guest}:overlay.`)
    return { host, guest, overlay }
  })
}
