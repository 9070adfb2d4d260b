/**
 * What becomes of a session's directories where it goes on. Asked before a session is stopped to be moved, answered by
 * whoever is to run it, decided again there before it is taken, and told by `stasis inspect --can-move`.
 */
import { StasisError } from '../../wasm-shim/errors.ts'

/** What is done with files that are not as the checkpoint has them, as `stasis restore --files` says it. */
export const filesWays = ['refuse', 'keep', 'restore'] as const
export type FilesWay = (typeof filesWays)[number]

/**
 * Where the contents of a directory's files are: with the checkpoint; with the one that is going to be taken when the
 * session stops; in no checkpoint; or what there is was changed by calls of the log behind it.
 */
export const contentPlaces = ['carried', 'at the stop', 'left out', 'behind'] as const
export type ContentPlace = (typeof contentPlaces)[number]

export const mountKinds = ['host', 'overlay'] as const

/** A directory of a session that is one of its host's. */
export interface MountToMove {
  /** As the program calls it. */
  readonly guest: string
  readonly kind: (typeof mountKinds)[number]
  readonly contents: ContentPlace
}

/** A directory that is granted where it is to go on. */
export interface GrantedMount {
  readonly guest: string
  readonly readOnly?: boolean
  readonly overlay?: boolean
}

/** `granted`: a directory there takes its place; `memory`: it goes on in memory, with the files that go along. */
export const fates = ['granted', 'memory', 'refused'] as const
export type Fate = (typeof fates)[number]

export interface MountFate {
  readonly guest: string
  readonly fate: Fate
  /** For people: half a sentence. */
  readonly because: string
}

export function decideMounts(
  mounts: readonly MountToMove[],
  grants: readonly GrantedMount[],
  files: FilesWay,
): readonly MountFate[] {
  return mounts.map((mount) => {
    const grant = grants.find(({ guest }) => guest === mount.guest)
    const [fate, because] = grant === undefined ? withoutGrant(mount) : withGrant(mount, grant, files)
    return { guest: mount.guest, fate, because }
  })
}

type Decision = readonly [fate: Fate, because: string]

function withGrant({ kind, contents }: MountToMove, grant: GrantedMount, files: FilesWay): Decision {
  if (kind === 'overlay') {
    return grant.overlay === true
      ? ['granted', 'it is granted there as an overlay, above which is what the program changed']
      : ['refused', 'it is an overlay, and is granted there as a plain directory']
  }
  if (files === 'keep') return ['granted', 'it is granted there, and the files in it are taken as they are']
  if (contents === 'behind') {
    return files === 'restore'
      ? ['refused', 'its files cannot be put back, since the log leads on from the checkpoint']
      : ['granted', 'it is granted there, and has to have the same files in it']
  }
  if (files === 'refuse') {
    return [
      'granted',
      'it is granted there, if the files that the program has written or holds open are the same in it',
    ]
  }
  if (grant.readOnly === true || grant.overlay === true) {
    const how = grant.readOnly ? 'for reading only' : 'as an overlay'
    return ['refused', `its files cannot be put back, since it is granted there ${how}`]
  }
  return contents === 'left out'
    ? ['refused', 'its files cannot be put back, since they are not part of the checkpoint']
    : ['granted', 'it is granted there, and its files are put back as the checkpoint has them']
}

function withoutGrant({ kind, contents }: MountToMove): Decision {
  const isCarried = contents === 'carried' || contents === 'at the stop'
  if (isCarried || (kind === 'overlay' && contents === 'left out')) {
    const with_ = kind === 'overlay' ? 'what the program changed' : 'the files that the checkpoint carries'
    return ['memory', `it goes on in memory with ${with_}; others are missing there`]
  }
  return contents === 'behind'
    ? ['refused', 'it is not granted there, and its files cannot go along: the log leads on from the checkpoint']
    : ['refused', 'it is not granted there, and its files are not part of the checkpoint']
}

/** Throws STASIS_MOUNT_NOT_GRANTED where it could not go on. */
export function refuseFates(session: string, fates: readonly MountFate[]): void {
  const refused = fates.filter(({ fate }) => fate === 'refused')
  const [first] = refused
  if (first === undefined) return
  const lines = refused.map(({ guest, because }) => `  ${guest}: ${because}`).join('\n')
  const grant = `Its operator can grant a directory: stasis serve --dir HOST::${first.guest}.`
  const message = `${session} cannot go on there:\n${lines}\n${grant} Or move it without running it there: --no-start.`
  throw new StasisError('STASIS_MOUNT_NOT_GRANTED', message, {
    session,
    mount: refused.map((one) => one.guest).join(' '),
  })
}
