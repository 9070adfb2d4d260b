import { hasFailed, resultValues, subjectOf } from './call-values.ts'
import type { CallView } from './call-view.ts'
import type { FdPaths } from './fd-paths.ts'
import { matcher } from './glob.ts'

/** Which calls are shown: those for which all that is given holds. */
export interface CallFilterOptions {
  /** Patterns for names of functions, of which one must match. */
  readonly names?: readonly string[]
  /** Descriptors, of which one must be a parameter or a result. */
  readonly fds?: readonly number[]
  /** Patterns for paths (see `matcher`), of which one must match. */
  readonly paths?: readonly string[]
  /** Numbers of the first and the last call. */
  readonly from?: number
  readonly to?: number
  /** Numbers of calls. */
  readonly calls?: ReadonlySet<number>
  /** Only calls that returned an error or ended in an exception. */
  readonly failed?: boolean
}

/** Results that are descriptors. */
const newDescriptors = ['opened_fd', 'connection']

export class CallFilter {
  readonly from: number
  readonly to: number
  /** Whether it looks at paths, and so has to be told of all calls that decide them. */
  readonly needsPaths: boolean
  /** Whether calls between the first and the last one are left out. */
  readonly isSelective: boolean
  readonly #calls: ReadonlySet<number> | undefined
  readonly #fds: ReadonlySet<number>
  readonly #failed: boolean
  readonly #names: readonly ((text: string) => boolean)[]
  readonly #paths: readonly ((text: string) => boolean)[]

  constructor(options: CallFilterOptions) {
    const { names = [], fds = [], paths = [], from = 0, to = Number.POSITIVE_INFINITY, failed = false } = options
    this.from = from
    this.to = to
    this.#calls = options.calls
    this.#fds = new Set(fds)
    this.#failed = failed
    this.#names = names.map(matcher)
    this.#paths = paths.map(matcher)
    this.needsPaths = paths.length > 0
    this.isSelective = failed || options.calls !== undefined || names.length + fds.length + paths.length > 0
  }

  /** What can be said by the function alone. */
  hasName(name: string): boolean {
    return this.#names.length === 0 || this.#names.some((matches) => matches(name))
  }

  hasNumber(call: number): boolean {
    return call >= this.from && call <= this.to && (this.#calls?.has(call) ?? true)
  }

  /** Everything else. `paths` are those before the call. */
  matches(view: CallView, paths: FdPaths): boolean {
    if (this.#failed && !hasFailed(view)) return false
    if (this.#fds.size > 0 && !this.#hasDescriptor(view)) return false
    return !this.needsPaths || paths.of(view).some((path) => this.#paths.some((matches) => matches(path)))
  }

  #hasDescriptor(view: CallView): boolean {
    for (const fd of subjectOf(view).fds.values()) if (this.#fds.has(fd)) return true
    const results = resultValues(view)
    return newDescriptors.some((name) => this.#fds.has(results[name] as number))
  }
}
