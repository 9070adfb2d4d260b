import { performance } from 'node:perf_hooks'
import { nanosecondsOf, realtimeOf } from '../runtime/session/realtime.ts'
import type { HostClocks } from '../wasm-shim/wasi/host.ts'

/** Node's wall clocks are slow to read (Date.now) or ignore that it was set (performance): see `realtimeOf`. */
export function createClocks(): HostClocks {
  const monotonic = process.hrtime.bigint
  const now = nanosecondsOf(performance.timeOrigin) + BigInt(Math.round(performance.now() * 1e6))
  return {
    realtime: realtimeOf(monotonic, now, () => Date.now()),
    monotonic,
    cpuTime: () => {
      const { user, system } = process.cpuUsage()
      return BigInt(user + system) * 1000n
    },
    resolution: () => 1n,
  }
}
