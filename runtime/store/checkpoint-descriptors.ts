import { type DescriptorSummary, describeState } from '../../wasm-shim/wasi/describe.ts'
import { sectionContents } from '../image/decode.ts'
import { headLength, readHead } from '../image/head.ts'
import { SectionKind } from '../image/layout.ts'
import { sessionFolder } from './session-log.ts'
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
  const blob = `${sessionFolder(session)}${version}.ckpt`
  const start = await store.get(blob, { end: 65_536 })
  if (start === undefined) return []
  const needed = headLength(start)
  const head = needed > start.length ? await store.get(blob, { end: needed }) : start
  const section = readHead(head ?? start).sections.find(({ kind }) => kind === SectionKind.kernel)
  if (section === undefined) return []
  const { offset, length } = section
  const stored = await store.get(blob, { start: offset, end: offset + length })
  return stored === undefined ? [] : describeState(sectionContents(section, stored))
}
