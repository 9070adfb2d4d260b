import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { encodeHead, packTerminal } from '../image/encode.ts'
import type { Manifest } from '../image/manifest.ts'
import { saveCheckpoint, saveModule } from '../store/checkpoints.ts'
import type { Captured } from './messages.ts'
import type { CheckpointInfo, CheckpointOptions, SessionParts } from './session.ts'

/**
 * Makes an image of what the guest's thread has captured, and stores it: everything that needs not happen while the guest
 * stands still. `taken` is the input that was taken from stdin and not read.
 */
export async function writeCheckpoint(
  { name, id, store, module, polls, now }: SessionParts,
  captured: Captured,
  taken: Uint8Array,
  options: CheckpointOptions,
): Promise<CheckpointInfo> {
  const { calls, instances, stacks } = captured
  const cause = options.cause ?? captured.cause
  const time = Math.trunc(now())
  const label = options.label === undefined ? {} : { label: options.label }
  const manifest: Manifest = {
    session: { name, id },
    cause,
    ...label,
    time,
    module: { sha256: module.sha256, size: module.bytes.length, name: module.name },
    prelink: { version: prelinkVersion, polls },
    calls,
    instances,
    stacks,
  }
  const body = { bytes: captured.body, sections: captured.sections }
  const terminal = packTerminal(concat(captured.input.first, taken), captured.screen)
  const parts = [encodeHead(manifest, body, terminal), body.bytes, terminal.bytes]
  await saveModule(store, module.sha256, module.bytes)
  const version = await saveCheckpoint(store, name, parts)
  // Again: whoever removed the last other user of the module meanwhile did not see our checkpoint yet.
  await saveModule(store, module.sha256, module.bytes)
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  return { session: name, version, cause, ...label, time, calls, size, pause: captured.pause / 1e6 }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length)
  whole.set(first)
  whole.set(second, first.length)
  return whole
}
