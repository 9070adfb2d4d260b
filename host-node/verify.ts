import { createInstrumentedEngine } from '../runtime/engine/instrumented.ts'
import type { Address } from '../runtime/store/address.ts'
import type { Store } from '../runtime/store/store.ts'
import { type VerifyReport, verifySession } from '../runtime/verify/verify-session.ts'
import { openLog } from './open-log.ts'
import { defaultCacheDirectory, prelinkCached } from './prelink-cache.ts'
import { buildIdentity } from './worker-file.ts'

/** `verifySession` in this thread: replays without a host, so that nothing outside is touched. */
export function verify(store: Store, address: Address): Promise<VerifyReport> {
  return verifySession(
    {
      openLog,
      prepare: (module, polls) => {
        const prelinked = new WebAssembly.Module(prelinkCached(module, polls, buildIdentity(), defaultCacheDirectory()))
        return (options) => createInstrumentedEngine({ module: prelinked, original: () => module.bytes, options })
      },
    },
    store,
    address,
  )
}
