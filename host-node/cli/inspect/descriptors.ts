import { FdFlags } from '../../../wasm-shim/wasi/flags.ts'
import type { Descriptor, KernelState } from '../../../wasm-shim/wasi/state.ts'

/** One open descriptor of a checkpoint, and what becomes of it in another process. */
export interface DescriptorReport {
  readonly fd: number
  readonly kind: 'stdin' | 'stdout' | 'stderr' | 'file' | 'directory'
  /** As the guest sees it. */
  readonly path?: string
  readonly access?: 'read' | 'write' | 'read and write'
  readonly append?: boolean
  /** Bytes from the start of the file. */
  readonly offset?: number
  readonly moves: Moves
}

export type Moves =
  | { readonly verdict: 'moves' }
  /** `grant` is what has to be given on restore, as the argument of --dir. */
  | { readonly verdict: 'if granted'; readonly grant: string }
  | { readonly verdict: 'does not move'; readonly because: string }

const streams = ['stdin', 'stdout', 'stderr'] as const

export function reportDescriptors(state: KernelState): readonly DescriptorReport[] {
  return state.fds.flatMap((descriptor, fd) => (descriptor === null ? [] : [reportDescriptor(state, fd, descriptor)]))
}

function reportDescriptor(state: KernelState, fd: number, descriptor: Descriptor): DescriptorReport {
  switch (descriptor.kind) {
    case 'stream':
      return { fd, kind: streams[descriptor.stream], moves: { verdict: 'moves' } }
    case 'directory':
      return { fd, kind: 'directory', path: guestPath(state, descriptor), moves: movesOf(state, descriptor) }
    case 'file':
      return {
        fd,
        kind: 'file',
        path: guestPath(state, descriptor),
        access: descriptor.read ? (descriptor.write ? 'read and write' : 'read') : 'write',
        append: (descriptor.flags & FdFlags.append) !== 0,
        offset: descriptor.offset,
        moves: movesOf(state, descriptor),
      }
  }
}

type OnMount = Extract<Descriptor, { kind: 'file' | 'directory' }>

function guestPath(state: KernelState, { mount, path }: OnMount): string {
  const root = state.mounts[mount]?.guest ?? `mount ${mount}`
  return path === '' ? root : `${root.replace(/\/$/, '')}/${path}`
}

function movesOf(state: KernelState, { mount: index, deleted, kind }: OnMount): Moves {
  const mount = state.mounts[index]
  if (mount === undefined || mount.kind === 'memory') return { verdict: 'moves' }
  if (deleted) return { verdict: 'does not move', because: `the ${kind} was deleted while it is open` }
  return { verdict: 'if granted', grant: `${mount.source ?? 'HOST'}::${mount.guest}${mount.readOnly ? ':ro' : ''}` }
}
