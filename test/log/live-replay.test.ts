import { describe, expect, test } from 'vitest'
import type { ImportFunction, Interceptor } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { replay } from '../../runtime/intercept/replay.ts'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { openLog } from '../../runtime/log/reader.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { caseNamed } from '../programs/cases.ts'
import { program } from '../programs/programs.ts'
import { keepLog, runGuest, runLive, testSession } from './guest-run.ts'

const noHost: ImportFunction = () => {
  throw new Error('There is no host.')
}

/** What the program writes to stdout, from the parameters of its calls. */
function tapStdout(): { readonly tap: (memory: () => WebAssembly.Memory) => Interceptor; readonly text: () => string } {
  const parts: Uint8Array[] = []
  const tap =
    (memory: () => WebAssembly.Memory): Interceptor =>
    (next, site) => {
      if (site.name !== 'fd_write') return next
      return (fd: number, vectors: number, count: number, out: number) => {
        const errno = next(fd, vectors, count, out)
        const view = new DataView(memory().buffer)
        let left = errno === 0 ? view.getUint32(out, true) : 0
        for (let i = 0; fd === 1 && i < count && left > 0; i++) {
          const length = Math.min(left, view.getUint32(vectors + i * 8 + 4, true))
          const start = view.getUint32(vectors + i * 8, true)
          parts.push(new Uint8Array(view.buffer.slice(start, start + length)))
          left -= length
        }
        return errno
      }
    }
  return { tap, text: () => Buffer.concat(parts).toString() }
}

const names = [
  'lua-closures',
  'lua-queens',
  'sqlite-shop',
  'cpython-session',
  'cpython-ask',
  'runno-sqlite-memory',
  'files',
  'rust',
  'go',
  'as-life',
] as const

describe.each(names)('%s', (name) => {
  const each = caseNamed(name)
  const { available, reason } = program(each.program)
  test.skipIf(!available)(
    `replays without a kernel as it ran${available ? '' : `: ${reason}`}`,
    { timeout: 60_000 },
    () => {
      const log = keepLog()
      const chunks = new MemoryChunkStore()
      const writer = new LogWriter({ session: testSession, sink: log.sink, chunks })
      const live = runLive(each, (memory) => [record(writer, { memory })])
      writer.commit()
      const stdout = tapStdout()
      const source = openLog([log.bytes()])
      let ends = 0
      const again = runGuest(
        each.program,
        () => noHost,
        (memory) => [stdout.tap(memory), replay(source, { memory, chunks, onEnd: () => ends++ })],
      )
      expect(again.exitCode).toBe(live.exitCode)
      expect(stdout.text()).toBe(live.stdout)
      expect(again.memory).toBe(live.memory)
      expect(ends).toBe(0)
      expect(source.next()).toBeUndefined()
      expect(source.reader.tail).toEqual({ kind: 'complete' })
    },
  )
})
