import { describe, expect, test } from 'vitest'
import type { ImportFunction } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { type ReplayOptions, replay } from '../../runtime/intercept/replay.ts'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { openLog } from '../../runtime/log/reader.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import { keepLog, testSession } from '../log/guest-run.ts'
import { createCaller } from './calls.ts'

function createRecording(handlers: Readonly<Record<string, ImportFunction>> = {}) {
  const caller = createCaller(handlers)
  const log = keepLog()
  const chunks = new MemoryChunkStore()
  const writer = new LogWriter({ session: testSession, sink: log.sink, chunks })
  const recording = record(writer, { memory: caller.memory })
  return { ...caller, log, chunks, writer, call: (name: string) => caller.link(name, [recording]), recording }
}

function createReplay(recorded: ReturnType<typeof createRecording>, options: Partial<ReplayOptions> = {}) {
  recorded.writer.commit()
  const caller = createCaller()
  const source = openLog([recorded.log.bytes()])
  const replaying = replay(source, { memory: caller.memory, chunks: recorded.chunks, ...options })
  return { ...caller, source, replaying, call: (name: string) => caller.link(name, [replaying]) }
}

describe('a replay', () => {
  test('stops at the first call that differs, with number, expected and actual', () => {
    const recorded = createRecording()
    recorded.call('sched_yield')()
    recorded.call('fd_sync')(4)
    const other = createReplay(recorded)
    other.call('sched_yield')()
    expect(() => other.call('fd_sync')(5)).toThrow(
      expect.objectContaining({
        code: 'STASIS_REPLAY_DIVERGED',
        fields: { call: 1, expected: 'fd_sync(4) ...', actual: 'fd_sync(5) ...' },
      }),
    )
    const another = createReplay(recorded)
    expect(() => another.call('fd_datasync')(4)).toThrow(
      expect.objectContaining({ fields: { call: 0, expected: 'sched_yield() ...', actual: 'fd_datasync(4) ...' } }),
    )
  })

  test('answers and compares a call like one before as it does the first', () => {
    let time = 5n
    const recorded = createRecording({
      clock_time_get: (id, _precision, pointer) => {
        if (id > 3) return Errno.EINVAL
        time *= 1_000_003n
        recorded.view().setBigUint64(pointer, time, true)
        return 0
      },
    })
    for (const id of [1, 0, 9, 1, 1]) recorded.call('clock_time_get')(id, 1n, 104)
    const followed: unknown[] = []
    const kernel = {
      isRetraced: () => true,
      recorded: () => undefined,
      follower: () => (words: Int32Array, results: Int32Array, at: number) => {
        followed.push(words[0], results[at])
      },
    }
    const made: number[] = []
    const again = createReplay(recorded, { kernel, onCall: (call) => made.push(call) })
    const clock = again.call('clock_time_get')
    expect([1, 0, 9, 1].map((id) => clock(id, 1n, 104))).toEqual([0, 0, Errno.EINVAL, 0])
    const last = 5n * 1_000_003n ** 3n
    expect(again.view().getBigUint64(104, true)).toBe(last)
    // The first one was passed on, and the third had failed.
    expect(followed).toEqual([0, Number(BigInt.asIntN(32, 5n * 1_000_003n ** 2n)), 1, Number(BigInt.asIntN(32, last))])
    expect(again.made).toEqual(['clock_time_get'])
    expect(made).toEqual([0, 1, 2, 3])
    const [expected, actual] = ['monotonic', 'realtime'].map((id) => expect.stringContaining(id))
    expect(() => clock(0, 1n, 104)).toThrow(
      expect.objectContaining({ code: 'STASIS_REPLAY_DIVERGED', fields: { call: 4, expected, actual } }),
    )
  })

  test('compares paths, not only their addresses', () => {
    const recorded = createRecording()
    const length = recorded.putText(64, 'one.txt')
    recorded.call('path_unlink_file')(3, 64, length)
    const other = createReplay(recorded)
    other.putText(64, 'two.txt')
    expect(() => other.call('path_unlink_file')(3, 64, length)).toThrow(
      expect.objectContaining({
        fields: {
          call: 0,
          expected: 'path_unlink_file(3, "one.txt") ...',
          actual: 'path_unlink_file(3, "two.txt") ...',
        },
      }),
    )
  })

  test('goes to the host after the end, and says whether the last effect was announced', () => {
    let left = new Uint8Array(0)
    const recorded = createRecording({
      // What the sink has when the effect is made is all that a killed process leaves.
      fd_sync: () => {
        left = new Uint8Array(recorded.log.bytes())
        return 0
      },
    })
    recorded.call('sched_yield')()
    recorded.call('fd_sync')(4)
    const ends: unknown[] = []
    const again = createCaller()
    const replaying = replay(openLog([left]), { memory: again.memory, onEnd: (end) => ends.push(end) })
    again.link('sched_yield', [replaying])()
    expect(again.made).toEqual([])
    expect(again.link('fd_sync', [replaying])(4)).toBe(0)
    expect(again.link('sched_yield', [replaying])()).toBe(0)
    expect(again.made).toEqual(['fd_sync', 'sched_yield'])
    expect(ends).toMatchObject([{ call: 1, intent: true, name: 'fd_sync', note: new Uint8Array(0) }])
  })

  test('puts back what a scattered read wrote, also where it read over its own vectors', () => {
    const handlers: Record<string, ImportFunction> = {
      fd_read: (_fd, _vectors, _count, out) => {
        recorded.putText(1000, 'abcd')
        recorded.putText(200, 'efgh')
        recorded.view().setUint32(out, 8, true)
        return 0
      },
    }
    const recorded = createRecording(handlers)
    const vectors = (caller: { putVector: (at: number, pointer: number, length: number) => void }) => {
      caller.putVector(200, 1000, 4)
      caller.putVector(208, 200, 10)
    }
    vectors(recorded)
    recorded.call('fd_read')(0, 200, 2, 100)
    const again = createReplay(recorded)
    vectors(again)
    expect(again.call('fd_read')(0, 200, 2, 100)).toBe(0)
    expect(Buffer.compare(new Uint8Array(again.memory().buffer), new Uint8Array(recorded.memory().buffer))).toBe(0)
  })

  test('puts back large reads from chunks', () => {
    const recorded = createRecording({
      random_get: (pointer, length) => {
        const target = new Uint8Array(recorded.memory().buffer, pointer, length)
        target.forEach((_, i) => {
          target[i] = (i * 31) >> 3
        })
        return 0
      },
    })
    recorded.call('random_get')(1000, 300_000)
    expect(recorded.chunks.size).toBe(2)
    const again = createReplay(recorded)
    again.call('random_get')(1000, 300_000)
    expect(Buffer.compare(new Uint8Array(again.memory().buffer), new Uint8Array(recorded.memory().buffer))).toBe(0)
    const without = createReplay(recorded, { chunks: new MemoryChunkStore() })
    expect(() => without.call('random_get')(1000, 300_000)).toThrow(
      expect.objectContaining({ code: 'STASIS_LOG_CHUNK_MISSING' }),
    )
  })

  test('puts back nothing for a call that failed', () => {
    const recorded = createRecording({ fd_read: () => Errno.EIO })
    recorded.putVector(200, 1000, 4)
    recorded.call('fd_read')(0, 200, 1, 100)
    const again = createReplay(recorded)
    again.putVector(200, 1000, 4)
    again.view().setUint32(100, 77, true)
    expect(again.call('fd_read')(0, 200, 1, 100)).toBe(Errno.EIO)
    expect(again.view().getUint32(100, true)).toBe(77)
  })

  test('compares with the path as it was given, also where the result was written over it', () => {
    const recorded = createRecording({
      path_readlink: () => {
        recorded.putText(64, 'target')
        recorded.view().setUint32(100, 6, true)
        return 0
      },
    })
    const length = recorded.putText(64, 'link')
    recorded.call('path_readlink')(3, 64, length, 64, 50, 100)
    const again = createReplay(recorded)
    again.putText(64, 'link')
    expect(again.call('path_readlink')(3, 64, length, 64, 50, 100)).toBe(0)
    expect(new TextDecoder().decode(new Uint8Array(again.memory().buffer, 64, 6))).toBe('target')
  })

  test('leaves out a wait that gave way to a checkpoint, and an effect that did', () => {
    let interrupted = true
    const gives: ImportFunction = () => {
      if (interrupted) throw new WaitInterrupted()
      return 0
    }
    const recorded = createRecording({ fd_read: gives, fd_sync: gives })
    recorded.putVector(200, 1000, 4)
    for (const call of [() => recorded.call('fd_read')(0, 200, 1, 100), () => recorded.call('fd_sync')(4)]) {
      interrupted = true
      expect(call).toThrow()
      interrupted = false
      call()
    }
    expect(recorded.writer.calls).toBe(2)
    const again = createReplay(recorded)
    again.putVector(200, 1000, 4)
    expect(again.call('fd_read')(0, 200, 1, 100)).toBe(0)
    expect(again.call('fd_sync')(4)).toBe(0)
    expect(again.source.next()).toBeUndefined()
    expect(again.made).toEqual([])
  })

  test('throws again where the host had thrown', () => {
    const recorded = createRecording({
      sched_yield: () => {
        throw new Error('The host has a fault.')
      },
    })
    expect(() => recorded.call('sched_yield')()).toThrow('The host has a fault.')
    expect(() => createReplay(recorded).call('sched_yield')()).toThrow(
      expect.objectContaining({ code: 'STASIS_REPLAY_THREW', fields: { call: 0 } }),
    )
  })
})

describe('functions of an embedder', () => {
  const site = (name: string, params: readonly ValType[], results: readonly ValType[]) =>
    ({ index: 0, module: 'env', name, params, results }) as const

  test('are recorded and answered with values of every type', () => {
    const recorded = createRecording()
    const types = [ValType.i32, ValType.i64, ValType.f32, ValType.f64]
    const mixed = site('mixed', types, types)
    const values = [-5, -(2n ** 62n), 1.5, 1e-300]
    expect(recorded.recording(() => values, mixed)(-5, 7n, 0.25, 1e300)).toBe(values)
    expect(recorded.recording(() => -0, site('one', [], [ValType.f64]))()).toBe(-0)
    const again = createReplay(recorded)
    const noHost: ImportFunction = () => {
      throw new Error('There is no host.')
    }
    expect(again.replaying(noHost, mixed)(-5, 7n, 0.25, 1e300)).toEqual(values)
    expect(again.replaying(noHost, site('one', [], [ValType.f64]))()).toBe(-0)
  })

  test('that call the guest back are bracketed in the log, and a replay without them says so', () => {
    const recorded = createRecording()
    const inner = recorded.call('sched_yield')
    const outer = recorded.recording(() => inner(), site('outer', [], []))
    outer()
    const again = createReplay(recorded)
    expect(() => again.replaying(() => undefined, site('outer', [], []))()).toThrow(
      expect.objectContaining({ code: 'STASIS_REPLAY_CALLBACK', fields: { call: 0 } }),
    )
  })

  test('that return references are refused when they are linked', () => {
    const recorded = createRecording()
    expect(() => recorded.recording(() => null, site('object', [], [ValType.externref]))).toThrow(
      expect.objectContaining({ code: 'STASIS_LOG_REFERENCE' }),
    )
  })
})

test('before an effect everything is with the sink, and only then', () => {
  const sizes: number[] = []
  const recorded = createRecording({
    fd_write: () => {
      sizes.push(recorded.log.bytes().length)
      return 0
    },
  })
  recorded.call('sched_yield')()
  expect(recorded.log.bytes().length).toBe(0)
  recorded.call('fd_write')(1, 0, 0, 64)
  const source = openLog([recorded.log.bytes()])
  expect([source.next()?.kind, source.next()?.kind, source.next()]).toEqual(['call', 'intent', undefined])
  expect(sizes).toEqual([recorded.log.bytes().length])
})

test('opening a file is an effect only where it may create or truncate one', () => {
  const recorded = createRecording()
  const open = recorded.call('path_open')
  const length = recorded.putText(64, 'a')
  open(3, 0, 64, length, 0, 2n, 2n, 0, 100)
  expect(recorded.log.bytes().length).toBe(0)
  open(3, 0, 64, length, 1, 2n, 2n, 0, 100)
  expect(recorded.log.bytes().length).toBeGreaterThan(0)
})
