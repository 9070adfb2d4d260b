/** A granted directory, as Session takes it. */
export interface MountGrant {
  readonly host: string
  readonly guest: string
  readonly readOnly: boolean
  /** The directory is only read; what the program changes lives in the session. */
  readonly overlay?: boolean
}

/** The inverse of parseMount, always explicit. */
export function formatMount(mount: MountGrant): string {
  const paths = `${mount.host}::${mount.guest}`
  if (mount.overlay) return `${paths}:overlay`
  if (mount.readOnly) return `${paths}:ro`
  return /:(ro|rw|overlay)$/.test(paths) ? `${paths}:rw` : paths
}

/** One word of a command line that a person can paste into a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export const shellJoin = (words: readonly string[]): string => words.map(shellQuote).join(' ')
