import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { HostStream, StreamKind } from '../../wasm-shim/wasi/host.ts'
import type { StdinRing } from './stdin-ring.ts'

/** stdin from the ring that the thread which serves people fills. */
export function createRingInput(ring: StdinRing, kind: StreamKind): HostStream {
  return {
    kind,
    read: (target) => ring.read(target),
    readable: () => ring.readable(),
    unread: () => ring.unread(),
    write: () => -Errno.EBADF,
  }
}

/** stdin from bytes that are all there. */
export function createBytesInput(bytes: Uint8Array, kind: StreamKind): HostStream {
  let position = 0
  return {
    kind,
    read: (target) => {
      const part = bytes.subarray(position, position + target.length)
      target.set(part)
      position += part.length
      return part.length
    },
    readable: () => bytes.length - position,
    unread: () => bytes.slice(position),
    write: () => -Errno.EBADF,
  }
}
