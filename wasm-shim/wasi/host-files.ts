import type { KernelState } from './state.ts'

/**
 * Whether something in the host's directories belongs to the state: a file that was written or is held open, a directory that
 * is held open, or an overlay. Otherwise any directory of that name will do to go on, and the log alone tells everything.
 */
export function usesHostFiles({ mounts, fds, written }: Pick<KernelState, 'mounts' | 'fds' | 'written'>): boolean {
  if (mounts.some(({ kind }) => kind === 'overlay')) return true
  if (mounts.every(({ kind }) => kind === 'memory')) return false
  if (!written.isComplete || written.mounts.some((own) => own.size > 0)) return true
  return fds.some((descriptor) => {
    if (descriptor === null || descriptor.kind === 'stream') return false
    const isRoot = descriptor.kind === 'directory' && descriptor.preopen !== null
    return mounts[descriptor.mount]!.kind === 'host' && !isRoot
  })
}
