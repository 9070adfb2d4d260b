import { StasisError } from '../../wasm-shim/errors.ts'

/** Longest session name: it becomes a directory's name, and those end at 255 bytes. */
const maxNameLength = 64
const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/

/** A session and the version asked for: 1..N, 0 for the newest, -1 for the one before, down to -N+1. */
export interface Address {
  readonly name: string
  readonly version: number
}

/** Returns the name. Throws STASIS_SESSION_NAME. */
export function checkSessionName(name: string): string {
  const reason =
    name === ''
      ? 'is empty'
      : name.length > maxNameLength
        ? `has more than ${maxNameLength} characters`
        : name.startsWith('.')
          ? 'begins with a dot'
          : !namePattern.test(name)
            ? 'has a character that is not allowed'
            : undefined
  if (reason === undefined) return name
  throw new StasisError(
    'STASIS_SESSION_NAME',
    `The session name ${JSON.stringify(name)} ${reason}. Use letters, digits, "-", "_" and "." (not first).`,
    { name },
  )
}

/** Reads `calc`, `calc@3`, `calc@0`, `calc@-1`. Throws STASIS_SESSION_NAME or STASIS_VERSION_SYNTAX. */
export function parseAddress(text: string): Address {
  const at = text.indexOf('@')
  if (at < 0) return { name: checkSessionName(text), version: 0 }
  const name = checkSessionName(text.slice(0, at))
  const version = text.slice(at + 1)
  if (!/^-?\d{1,9}$/.test(version)) {
    throw new StasisError(
      'STASIS_VERSION_SYNTAX',
      `"${version}" is not a version of ${name}. After "@" stands a number: 1 and up, 0 for the newest, -1 for the one before.`,
      { name, version },
    )
  }
  return { name, version: Number(version) + 0 }
}

export function formatAddress({ name, version }: Address): string {
  return `${name}@${version}`
}

/**
 * The version that `wanted` means among the existing ones (ascending): above 0 itself, else counted back from the newest.
 * Throws STASIS_VERSION_UNKNOWN.
 */
export function resolveVersion(versions: readonly number[], { name, version: wanted }: Address): number {
  const found = wanted > 0 ? versions.find((version) => version === wanted) : versions.at(wanted - 1)
  if (found !== undefined) return found
  const message =
    versions.length === 0
      ? `There is no session named ${name}. "stasis ls" shows those there are.`
      : `The session ${name} has no version ${wanted}. It has ${versions.join(', ')}.`
  throw new StasisError('STASIS_VERSION_UNKNOWN', message, { name, version: wanted })
}
