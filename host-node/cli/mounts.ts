import { UsageError } from './usage-error.ts'

/** A granted directory, as Session takes it. */
export interface MountGrant {
  readonly host: string
  readonly guest: string
  readonly readOnly: boolean
}

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

/** The inverse of parseMount, always explicit. */
export function formatMount(mount: MountGrant): string {
  const paths = `${mount.host}::${mount.guest}`
  if (mount.readOnly) return `${paths}:ro`
  return /:(ro|rw)$/.test(paths) ? `${paths}:rw` : paths
}

/** One word of a command line that a person can paste into a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export const shellJoin = (words: readonly string[]): string => words.map(shellQuote).join(' ')
