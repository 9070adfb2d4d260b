import { errnoOf, subjectOf } from './call-values.ts'
import type { CallView } from './call-view.ts'

/** Calls that decide which path a descriptor has. */
const deciding: ReadonlySet<string> = new Set(['fd_prestat_dir_name', 'path_open', 'fd_close', 'fd_renumber'])

const text = new TextDecoder()

/**
 * Which path each descriptor was opened with, from the calls alone: the names that the program asked of its granted
 * directories, and what it opened below them.
 */
export class FdPaths {
  readonly #paths: Map<number, string>

  /** `known`: those that were open at the first call. */
  constructor(known: Iterable<readonly [fd: number, path: string]> = []) {
    this.#paths = new Map(known)
  }

  /** Whether `add` has to see the calls of a function. */
  static needs(name: string): boolean {
    return deciding.has(name)
  }

  get(fd: number): string | undefined {
    return this.#paths.get(fd)
  }

  /** The names of all that a call is about: texts as given, and whole paths of texts and descriptors where known. */
  of(view: CallView): readonly string[] {
    const { fds, strings } = subjectOf(view)
    const found = new Set<string>(strings.values())
    for (const [name, given] of strings) {
      const directory = fds.get(name === 'path' ? 'fd' : name.replace('path', 'fd')) ?? fds.get('fd')
      const base = directory === undefined ? undefined : this.#paths.get(directory)
      if (base !== undefined) found.add(joinPath(base, given))
    }
    if (view.row?.name === 'fd_prestat_dir_name') found.add(text.decode(view.output))
    if (strings.size === 0) {
      for (const fd of fds.values()) {
        const path = this.#paths.get(fd)
        if (path !== undefined) found.add(path)
      }
    }
    return [...found]
  }

  /** Takes note of a finished call; to be told after `of`, since a call may end what it is about. */
  add(view: CallView): void {
    if (errnoOf(view) !== 0) return
    const { fds, strings } = subjectOf(view)
    const fd = fds.get('fd') ?? -1
    switch (view.row?.name) {
      case 'fd_prestat_dir_name':
        this.#set(fd, text.decode(view.output))
        break
      case 'path_open': {
        const base = this.#paths.get(fd)
        const path = strings.get('path')
        const opened = view.words[view.plan.resultSlot]! >>> 0
        this.#set(opened, path === undefined || base === undefined ? path : joinPath(base, path))
        break
      }
      case 'fd_close':
        this.#set(fd, undefined)
        break
      case 'fd_renumber':
        this.#set(fds.get('to') ?? -1, this.#paths.get(fd))
        this.#set(fd, undefined)
        break
    }
  }

  #set(fd: number, path: string | undefined): void {
    if (path === undefined) this.#paths.delete(fd)
    else this.#paths.set(fd, path)
  }
}

/** A path below a directory as the guest sees it, without `.` and `..`; symbolic links are not looked at. */
export function joinPath(directory: string, path: string): string {
  const parts: string[] = []
  const whole = `${directory}/${path}`
  for (const part of whole.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return `${whole.startsWith('/') ? '/' : ''}${parts.join('/')}` || '.'
}
