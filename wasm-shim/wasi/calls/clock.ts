import type { Call } from '../context.ts'
import { Errno } from '../errno.ts'
import { ClockId } from '../flags.ts'

export const clockCalls: Readonly<Record<string, Call>> = {
  clock_res_get: {
    perform: ({ clocks }, id: number) => (id > ClockId.thread_cputime ? -Errno.EINVAL : clocks.resolution()),
  },
  clock_time_get: {
    perform: (context, id: number) => {
      switch (id) {
        case ClockId.monotonic:
          return context.clocks.monotonic()
        case ClockId.realtime:
          return context.clocks.realtime()
        case ClockId.process_cputime:
        case ClockId.thread_cputime:
          return context.clocks.cpuTime()
        default:
          return -Errno.EINVAL
      }
    },
    apply: (state, time: bigint, id: number) => {
      state.clocks[id] = time
    },
  },
}
