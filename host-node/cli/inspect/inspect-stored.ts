import { createHash } from 'node:crypto'
import { decodeCheckpoint } from '../../../runtime/image/decode.ts'
import { type CheckpointReport, reportCheckpoint } from '../../../runtime/inspect/checkpoint-report.ts'
import { reportLog } from '../../../runtime/inspect/log-report.ts'
import { readStackNames } from '../../../runtime/inspect/stack-names.ts'
import type { Address } from '../../../runtime/store/address.ts'
import { loadCheckpoint, loadModule, readStored } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import type { PollMode } from '../../../wasm-shim/prelink/index.ts'
import { defaultCacheDirectory, prelinkCached } from '../../prelink-cache.ts'
import { buildIdentity } from '../../worker-file.ts'

/** What is in a checkpoint of a store; names of functions come from the module in `modules`. */
export async function inspectStored(store: Store, address: Address, modules: Store): Promise<CheckpointReport> {
  const image = await loadCheckpoint(store, address)
  const checkpoint = readStored(image, decodeCheckpoint)
  const { session, calls, time } = checkpoint
  const log = image.isNewest ? await reportLog(store, session.name, { id: session.id, calls, time }) : undefined
  return reportCheckpoint({
    ...(log !== undefined && { log }),
    checkpoint,
    version: image.address.version,
    location: image.location,
    size: image.bytes.length,
    ...namesOf(await loadModule(modules, checkpoint.module.sha256), checkpoint.prelink.polls),
  })
}

/** Without the module functions are shown by number. */
export function namesOf(bytes: Uint8Array | undefined, polls: PollMode) {
  if (bytes === undefined) return {}
  const module = { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
  return {
    names: readStackNames(bytes, prelinkCached(module, polls, buildIdentity(), defaultCacheDirectory())),
  }
}
