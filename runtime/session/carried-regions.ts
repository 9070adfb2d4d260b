import { StasisError } from '../../wasm-shim/errors.ts'
import type { CarriedRegion } from '../../wasm-shim/guest-abi/state.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import { regionsOf } from '../image/regions.ts'
import { parseAddress } from '../store/address.ts'
import { loadCheckpoint, readStored } from '../store/checkpoints.ts'
import type { Store } from '../store/store.ts'

/** Turns the content of a region into that of the new program's; undefined leaves it as it is. */
export type RegionMigration = (name: string, bytes: Uint8Array) => Uint8Array | undefined

/**
 * What another program's checkpoint has for the regions that a new one registers. Throws STASIS_VERSION_UNKNOWN,
 * STASIS_REGIONS_NONE where the program had registered none, STASIS_IMAGE_*.
 */
export async function carriedRegions(
  store: Store,
  address: string,
  migrate: RegionMigration = () => undefined,
): Promise<readonly CarriedRegion[]> {
  const image = await loadCheckpoint(store, parseAddress(address))
  const regions = readStored(image, (bytes) => regionsOf(decodeCheckpoint(bytes)))
  if (regions.length === 0) {
    const message = `The program in ${address} had registered no regions. It does by ckpRegister, compiled with -DCKP_STASIS.`
    throw new StasisError('STASIS_REGIONS_NONE', message, { address })
  }
  // The image is forgotten: a region is a small part of it.
  return regions.map(({ name, bytes }) => {
    const content = bytes.slice()
    return { name, bytes: migrate(name, content) ?? content }
  })
}
