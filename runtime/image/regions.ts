import { StasisError } from '../../wasm-shim/errors.ts'
import { type GuestRegion, type LeftRegion, leftRegions } from '../../wasm-shim/guest-abi/state.ts'
import { decodeState } from '../../wasm-shim/wasi/saved-state.ts'
import type { Checkpoint } from './model.ts'

/** A region of a program's first memory, with its content in a checkpoint. */
export interface NamedRegion extends GuestRegion {
  /** A view of the checkpoint's memory. */
  readonly bytes: Uint8Array
}

/**
 * The regions that the program had registered, by name and in the order of registration. Throws
 * STASIS_KERNEL_STATE_DAMAGED.
 */
export function regionsOf(checkpoint: Pick<Checkpoint, 'kernel' | 'instances'>): readonly NamedRegion[] {
  const { regions = [] } = decodeState(checkpoint.kernel).guest ?? {}
  if (regions.length === 0) return []
  // Of a sparse memory the bytes are put together each time.
  const memory = checkpoint.instances[0]?.memories[0]?.bytes ?? new Uint8Array(0)
  return regions.map((region) => {
    const { name, address, length } = region
    if (address + length <= memory.length) return { ...region, bytes: memory.subarray(address, address + length) }
    const message = `The region ${name} lies outside of the memory that the checkpoint has. Restore another version.`
    throw new StasisError('STASIS_KERNEL_STATE_DAMAGED', message, { name })
  })
}

/** Regions of an older program's checkpoint that this program had not registered so far. */
export function regionsNotTaken({ kernel }: Pick<Checkpoint, 'kernel'>): readonly LeftRegion[] {
  const { guest } = decodeState(kernel)
  return guest === undefined ? [] : leftRegions(guest)
}
