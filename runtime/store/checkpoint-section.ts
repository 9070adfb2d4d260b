import { sectionContents } from '../image/decode.ts'
import { type Head, headLength, readHead } from '../image/head.ts'
import { sessionFolder } from './session-log.ts'
import { loadSection } from './session-versions/load-version.ts'
import { readSessionFile } from './session-versions/session-file.ts'
import type { Store } from './store.ts'

const usualHead = 65_536

/**
 * The first section of a kind in a checkpoint, without reading its memory; undefined where there is no such checkpoint or
 * section. Throws STASIS_IMAGE_*.
 */
export async function readSection(
  store: Store,
  session: string,
  version: number,
  kind: number,
): Promise<Uint8Array | undefined> {
  const blob = `${sessionFolder(session)}${version}.ckpt`
  const head = await readStoredHead(store, blob)
  if (head === undefined) return readKept(store, session, version, kind)
  const section = head.sections.find((each) => each.kind === kind)
  if (section === undefined) return undefined
  const { offset, length } = section
  const stored = await store.get(blob, { start: offset, end: offset + length })
  return stored && sectionContents(section, stored)
}

async function readStoredHead(store: Store, blob: string): Promise<Head | undefined> {
  const start = await store.get(blob, { end: usualHead })
  if (start === undefined) return undefined
  const needed = headLength(start)
  return readHead(needed > start.length ? ((await store.get(blob, { end: needed })) ?? start) : start)
}

/** In the session's checkpoint file. */
async function readKept(store: Store, session: string, version: number, kind: number): Promise<Uint8Array | undefined> {
  const file = await readSessionFile(store, session)
  const record = file?.catalog.saves().find(({ head }) => head.version === version)
  if (file === undefined || record === undefined) return undefined
  const found = await loadSection(store, session, file, record, kind)
  return found && sectionContents(found.section, found.stored)
}
