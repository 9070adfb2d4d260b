import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { ClockId, EventType, SubClockFlags } from '../../wasm-shim/wasi/flags.ts'
import { event, type Layout, subscription, subscriptionUnstable } from '../../wasm-shim/wasi/layout.ts'
import { readRecord, writeRecord } from '../../wasm-shim/wasi/record.ts'
import { guestMemory, type MemorySource } from './call-site.ts'
import type { ImportFunction, Interceptor } from './interceptor.ts'

export interface VirtualTimeOptions {
  readonly memory: MemorySource
  /** Nanoseconds since the Unix epoch at the beginning. */
  readonly realtime: bigint
  /** Of the monotonic and processor clocks at the beginning. Default 0. */
  readonly monotonic?: bigint
  /** Nanoseconds by which each look at a clock moves time on, so that a loop that waits for time ends. Default 1000. */
  readonly step?: bigint
}

/**
 * Gives the program clocks of its own, which move by looking at them and by sleeping: a program that sleeps an hour is
 * through at once, and two runs see the same times. Waits that involve descriptors, and times of files, are the host's.
 *
 *     virtualTime({ realtime: 1_704_067_200_000_000_000n, memory: () => engine.memory() })
 */
export function virtualTime(options: VirtualTimeOptions): Interceptor {
  const memory = guestMemory(options.memory)
  const { step = 1000n, realtime } = options
  const monotonic = options.monotonic ?? 0n
  let passed = 0n
  const times = { realtime: () => realtime + passed, monotonic: () => monotonic + passed }
  const timeOf = (id: number) => (id === ClockId.realtime ? times.realtime() : times.monotonic())

  const clockTime = (id: number, _precision: bigint, out: number): number => {
    if (id >>> 0 > ClockId.thread_cputime) return Errno.EINVAL
    if (!memory.fits(out >>> 0, 8)) return Errno.EFAULT
    passed += step
    memory.setU64(out >>> 0, timeOf(id))
    return 0
  }
  const clockResolution = (id: number, out: number): number => {
    if (id >>> 0 > ClockId.thread_cputime) return Errno.EINVAL
    if (!memory.fits(out >>> 0, 8)) return Errno.EFAULT
    memory.setU64(out >>> 0, 1n)
    return 0
  }

  /** The deadlines of a wait for nothing but time, as amounts to pass; undefined for other waits. */
  const sleeps = (at: number, count: number, layout: Layout): readonly Sleep[] | undefined => {
    if (count === 0 || count > maxSleeps || !memory.fits(at, count * layout.size)) return undefined
    const list: Sleep[] = []
    for (let i = 0; i < count; i++) {
      const one = readRecord(memory, at + i * layout.size, layout)
      const id = Number(one.clock_id)
      if (one.tag !== EventType.clock || id > ClockId.monotonic) return undefined
      const absolute = (Number(one.clock_flags) & SubClockFlags.abstime) !== 0
      const timeout = one.timeout as bigint
      list.push({ userdata: one.userdata as bigint, after: absolute ? timeout - timeOf(id) : timeout })
    }
    return list
  }

  const poll = (next: ImportFunction, layout: Layout): ImportFunction => {
    return (input: number, output: number, count: number, out: number) => {
      const list = sleeps(input >>> 0, count >>> 0, layout)
      const room = memory.fits(output >>> 0, (count >>> 0) * event.size) && memory.fits(out >>> 0, 4)
      if (list === undefined || !room) return next(input, output, count, out)
      const first = list.reduce((least, { after }) => (after < least ? after : least), list[0]!.after)
      if (first > 0n) passed += first
      const due = list.filter(({ after }) => after <= first || after <= 0n)
      due.forEach(({ userdata }, i) => {
        writeRecord(memory, (output >>> 0) + i * event.size, event, { userdata, type: EventType.clock })
      })
      memory.view.setUint32(out >>> 0, due.length, true)
      return 0
    }
  }

  return (next, { module, name }) => {
    if (module !== 'wasi_snapshot_preview1' && module !== 'wasi_unstable') return next
    if (name === 'clock_time_get') return clockTime
    if (name === 'clock_res_get') return clockResolution
    if (name === 'poll_oneoff') return poll(next, module === 'wasi_unstable' ? subscriptionUnstable : subscription)
    return next
  }
}

const maxSleeps = 65_536

interface Sleep {
  readonly userdata: bigint
  /** Nanoseconds from now. */
  readonly after: bigint
}
