import type { KernelState } from './state.ts'

/**
 * What a session has done to names below its host directories, kept as part of the kernel's state so that it follows from
 * the calls alone. `created`: was not there before the session made it; `created-directory` likewise. `changed`: content or
 * times, of what was there or may have been. `moved`: came here by a rename, with everything below it. `removed`: was there
 * before the session and is gone. What the session both made and removed is forgotten.
 */
export type Mark = 'created' | 'created-directory' | 'changed' | 'moved' | 'removed'

export const marks: readonly Mark[] = ['created', 'created-directory', 'changed', 'moved', 'removed']

export interface Written {
  /** False where the session began under a version that did not keep this, so that marks may be missing. */
  readonly isComplete: boolean
  /** By mount number, then by path, symlinks resolved. */
  readonly mounts: readonly Map<string, Mark>[]
}

export function nothingWritten(mounts: number, isComplete = true): Written {
  return { isComplete, mounts: Array.from({ length: mounts }, () => new Map<string, Mark>()) }
}

/** Marks of a mount whose files outlive the session; the others travel as a whole. */
function marksOf(state: KernelState, mount: number): Map<string, Mark> | undefined {
  return state.mounts[mount]?.kind === 'host' ? state.written.mounts[mount] : undefined
}

export interface Place {
  readonly mount: number
  /** Relative to the mount's root, symlinks resolved. */
  readonly path: string
}

/** Content or times of a file were changed. */
export function markChanged(state: KernelState, { mount, path }: Place): void {
  const own = marksOf(state, mount)
  if (own === undefined || path === '') return
  const mark = own.get(path)
  if (mark === undefined || mark === 'removed') own.set(path, 'changed')
}

/** The same, by descriptor. */
export function markWritten(state: KernelState, fd: number): void {
  const descriptor = state.fds[fd]
  if (descriptor === null || descriptor === undefined || descriptor.kind === 'stream' || descriptor.deleted) return
  markChanged(state, descriptor)
}

/** A name was made that did not exist. */
export function markCreated(state: KernelState, { mount, path }: Place, isDirectory = false): void {
  const own = marksOf(state, mount)
  if (own === undefined) return
  if (own.get(path) === 'removed') own.set(path, isDirectory ? 'moved' : 'changed')
  else own.set(path, isDirectory ? 'created-directory' : 'created')
}

export function markRemoved(state: KernelState, { mount, path }: Place): void {
  const own = marksOf(state, mount)
  if (own === undefined) return
  const mark = own.get(path)
  if (mark === 'created' || mark === 'created-directory') own.delete(path)
  else own.set(path, 'removed')
}

/** `existed`: whether `to` named anything, which is gone. */
export function markRenamed(state: KernelState, from: Place, to: Place, existed: boolean): void {
  const own = marksOf(state, from.mount)
  if (own === undefined || from.path === to.path) return
  const mark = own.get(from.path)
  const before = own.get(to.path)
  const isNew = existed ? before === 'created' || before === 'created-directory' : before !== 'removed'
  if (mark !== 'created') moveBelow(own, from.path, to.path)
  markRemoved(state, from)
  own.set(to.path, arrivedAs(mark, isNew))
}

/** `isNew`: nothing had the name before the session. */
function arrivedAs(mark: Mark | undefined, isNew: boolean): Mark {
  switch (mark) {
    case 'created':
      return isNew ? mark : 'changed'
    case 'created-directory':
      return isNew ? mark : 'moved'
    default:
      return 'moved'
  }
}

/** Only a directory has anything below it; of a file that the session made this is known, and spares the search. */
function moveBelow(own: Map<string, Mark>, from: string, to: string): void {
  const below = [...own].filter(([path]) => path.startsWith(`${from}/`))
  for (const [path, mark] of below) {
    own.delete(path)
    own.set(to + path.slice(from.length), mark)
  }
}
