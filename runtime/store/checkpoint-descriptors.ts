import { type DescriptorSummary, describeState } from '../../wasm-shim/wasi/describe.ts'
import { sectionContents } from '../image/decode.ts'
import { readHead } from '../image/head.ts'
import { SectionKind } from '../image/layout.ts'
import { sessionFolder } from './session-log.ts'
import { loadSection } from './session-versions/load-version.ts'
import { readSessionFile } from './session-versions/session-file.ts'
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
  if (start === undefined) return keptDescriptors(store, session, version)
  const section = readHead(start).sections.find(({ kind }) => kind === SectionKind.kernel)
  if (section === undefined) return []
  const { offset, length } = section
  const stored = await store.get(blob, { start: offset, end: offset + length })
  return stored === undefined ? [] : describeState(sectionContents(section, stored))
}

async function keptDescriptors(store: Store, session: string, version: number): Promise<readonly DescriptorSummary[]> {
  const file = await readSessionFile(store, session)
  const record = file?.catalog.saves().find(({ head }) => head.version === version)
  if (file === undefined || record === undefined) return []
  const found = await loadSection(store, session, file, record, SectionKind.kernel)
  return found === undefined ? [] : describeState(sectionContents(found.section, found.stored))
}
