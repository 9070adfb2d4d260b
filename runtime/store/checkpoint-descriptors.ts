import { type DescriptorSummary, describeState } from '../../wasm-shim/wasi/describe.ts'
import { SectionKind } from '../image/layout.ts'
import { readSection } from './checkpoint-section.ts'
import type { Store } from './store.ts'

/**
 * The descriptors that were open at a checkpoint, without reading its memory; empty where there is no such checkpoint.
 * Throws STASIS_IMAGE_* or STASIS_KERNEL_STATE_DAMAGED.
 */
export async function readDescriptors(
  store: Store,
  session: string,
  version: number,
): Promise<readonly DescriptorSummary[]> {
  const kernel = await readSection(store, session, version, SectionKind.kernel)
  return kernel === undefined ? [] : describeState(kernel)
}
