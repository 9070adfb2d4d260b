import { type Call, guestCpu, guestMonotonic } from '../context.ts'
import { Errno } from '../errno.ts'
import { ClockId } from '../flags.ts'

export const clockCalls: Readonly<Record<string, Call>> = {
  clock_res_get: {
    perform: ({ clocks }, id: number) => (id > ClockId.thread_cputime ? -Errno.EINVAL : clocks.resolution()),
  },
  clock_time_get: {
    perform: (context, id: number) => {
      switch (id) {
        case ClockId.realtime:
          return context.clocks.realtime()
        case ClockId.monotonic:
          return guestMonotonic(context)
        case ClockId.process_cputime:
        case ClockId.thread_cputime:
          return guestCpu(context)
        default:
          return -Errno.EINVAL
      }
    },
    apply: (state, time: bigint, id: number) => {
      if (id === ClockId.monotonic) state.monotonic = time
      else if (id !== ClockId.realtime) state.cpu = time
    },
  },
}
