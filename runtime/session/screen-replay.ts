import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { Host } from '../../wasm-shim/wasi/host.ts'
import { guestMemory, type MemorySource } from '../intercept/call-site.ts'
import type { ImportFunction, Interceptor } from '../intercept/interceptor.ts'
import type { Screen } from './screen.ts'

/** Of a ciovec: address and length. */
const vectorSize = 8

/**
 * While calls are answered from the log no terminal sees them: what they wrote, and the lines they read, is put on the
 * screen from the guest's memory. A terminal that the program has given another number than 0 to 2 is not followed.
 */
export function screenOfReplay(
  screen: Screen,
  { stdin, stdout, stderr }: Host,
  memorySource: MemorySource,
  isReplaying: () => boolean,
): Interceptor {
  const memory = guestMemory(memorySource)
  const watched = [stdin, stdout, stderr].map(({ kind }) => kind === 'tty')

  const show = (vectors: number, count: number, length: number): void => {
    let left = length
    for (let i = 0; i < count && left > 0; i++) {
      const at = vectors + i * vectorSize
      if (!memory.fits(at, vectorSize)) return
      const start = memory.view.getUint32(at, true)
      const size = Math.min(left, memory.view.getUint32(at + 4, true))
      if (!memory.fits(start, size)) return
      screen.append(memory.bytes.subarray(start, start + size))
      left -= size
    }
  }

  const watch =
    (next: ImportFunction, isWanted: (fd: number) => boolean): ImportFunction =>
    (fd: number, vectors: number, count: number, out: number) => {
      const isOfLog = isReplaying() && watched[fd] === true && isWanted(fd)
      const outcome = next(fd, vectors, count, out)
      // Where the log ended with this call, the terminal has seen it.
      if (isOfLog && isReplaying() && outcome === Errno.ESUCCESS && memory.fits(out >>> 0, 4)) {
        show(vectors >>> 0, count >>> 0, memory.view.getUint32(out >>> 0, true))
      }
      return outcome
    }

  return (next, { module, name }) => {
    if (!module.startsWith('wasi_')) return next
    if (name === 'fd_write') return watch(next, (fd) => fd > 0)
    return name === 'fd_read' ? watch(next, (fd) => fd === 0) : next
  }
}
