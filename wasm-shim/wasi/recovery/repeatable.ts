import type { Context } from '../context.ts'
import { FdFlags } from '../flags.ts'

/** Of one function. Arguments are words, two a wasm parameter, low word first. */
export interface Repeatable {
  /** Before the call: whether it changes nothing but bytes at known places of a file, and depends on nothing outside. */
  readonly isRepeatable: (words: Int32Array) => boolean
  /** After it: whether it has done all that was asked for, by its first result word. */
  readonly isWhole: (result: number) => boolean
  /** Whether it writes to the descriptor that its first argument names. */
  readonly writes: boolean
}

const always = (): boolean => true
/** Preview1's numbers: from the beginning, and from the descriptor's position, which is the kernel's. */
const isSeekWithinSession = (words: Int32Array): boolean => words[4] === 0 || words[4] === 1

/** For `CallNotes`; nothing for other functions. */
export function repeatable(context: Context, name: string): { readonly repeatable?: Repeatable } {
  switch (name) {
    case 'fd_write':
    case 'fd_pwrite':
      return {
        repeatable: {
          isRepeatable: (words) => {
            const descriptor = context.state.fds[words[0]! >>> 0]
            return descriptor?.kind === 'file' && !descriptor.deleted && (descriptor.flags & FdFlags.append) === 0
          },
          isWhole: (written) => written === context.memory.total,
          writes: true,
        },
      }
    case 'fd_seek':
      return { repeatable: { isRepeatable: isSeekWithinSession, isWhole: always, writes: false } }
    case 'fd_datasync':
    case 'fd_fdstat_get':
    case 'fd_sync':
    case 'fd_tell':
      return { repeatable: { isRepeatable: always, isWhole: always, writes: false } }
    default:
      return {}
  }
}
