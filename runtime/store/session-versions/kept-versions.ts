import { isStasisError, type StasisError } from '../../../wasm-shim/errors.ts'
import { readHead } from '../../image/head.ts'
import type { Address } from '../address.ts'
import { lostCodec, type SavedRecord } from '../checkpoint-file/catalog.ts'
import { damaged, indexHeaderSize } from '../checkpoint-file/layout.ts'
import type { ReadHead } from '../checkpoint-file/record.ts'
import type { Store } from '../store.ts'
import { named, type VersionInfo } from '../version-info.ts'
import { blobsOf } from './blobs.ts'
import { loadVersion } from './load-version.ts'
import { readSessionFile, type SessionFile } from './session-file.ts'

/** The versions in a session's checkpoint file, ascending; damaged ones with what is wrong with them. */
export async function listKept(store: Store, session: string): Promise<VersionInfo[]> {
  const file = await readSessionFile(store, session)
  if (file === undefined) return []
  const location = store.locate(blobsOf(session).data)
  const { catalog, missing, error = damaged('a record cannot be read', catalog.end) } = file
  const broken = (version: number, size: number, error: StasisError): VersionInfo => ({
    ...{ version, size, added: size, location },
    content: { kind: 'damaged', error: named(error, { name: session, version }, location) },
  })
  const describe = (record: SavedRecord): VersionInfo => {
    const { head } = record
    const added = sizeOf(head)
    try {
      const { manifest, imageLength } = readHead(head.note)
      checkPages(record, file)
      return { version: head.version, size: imageLength, added, location, content: { kind: 'intact', manifest } }
    } catch (error) {
      if (!isStasisError(error)) throw error
      return broken(head.version, added, error)
    }
  }
  const lost = [...catalog.lost].map((version) => broken(version, 0, error))
  const cut = missing.map((head) => broken(head.version, sizeOf(head), error))
  if (isCutAtFirst(file)) return [broken(1, file.sizes.data, error)]
  return [...catalog.saves().map(describe), ...lost, ...cut].sort((a, b) => a.version - b.version)
}

/** The numbers of the same versions, without looking at what is in them. */
export function keptNumbers(file: SessionFile): number[] {
  if (isCutAtFirst(file)) return [1]
  return [...file.catalog.versions(), ...file.catalog.lost, ...file.missing.map(({ version }) => version)]
}

/** All that is known is that something was there. Without an index the first save was cut, and nothing was. */
function isCutAtFirst({ catalog, missing, sizes }: SessionFile): boolean {
  const isNothingKnown = catalog.records.length === 0 && catalog.lost.size === 0 && missing.length === 0
  return isNothingKnown && sizes.index > indexHeaderSize
}

function sizeOf({ headLength, payloadLength }: ReadHead): number {
  return headLength * 2 + payloadLength
}

/** Throws STASIS_CKP_DAMAGED where a page of the version stood in a record that is damaged. */
function checkPages({ head }: SavedRecord, { catalog }: SessionFile): void {
  if (catalog.lost.size === 0) return
  for (const { name } of head.regions) {
    const saved = catalog.regions.get(name)!.find(({ fileVersion }) => fileVersion === head.version)!
    for (const page of catalog.table(saved)) {
      if (page !== 0 && catalog.place(page).codec === lostCodec) {
        throw damaged('pages of this version stood in a record that is damaged', catalog.end)
      }
    }
  }
}

/**
 * The image of a version; undefined where there is none. Its checksums are not looked at. `known`: the file, where it has just
 * been read.
 */
export async function loadKept(
  store: Store,
  { name, version }: Address,
  known?: SessionFile,
): Promise<{ readonly bytes: Uint8Array; readonly location: string } | undefined> {
  const location = store.locate(blobsOf(name).data)
  // A file that is replaced while it is read is read again.
  for (let attempt = 0; attempt < 5; attempt++) {
    const file = (attempt === 0 ? known : undefined) ?? (await readSessionFile(store, name))
    const record = file?.catalog.saves().find(({ head }) => head.version === version)
    if (file === undefined || record === undefined) break
    try {
      const bytes = await loadVersion(store, name, file, record)
      if (bytes !== undefined) return { bytes, location }
    } catch (error) {
      if (isStasisError(error)) throw named(error, { name, version }, location)
      throw error
    }
  }
  const listed = (await listKept(store, name)).find((info) => info.version === version)
  if (listed?.content.kind === 'damaged') throw listed.content.error
  return undefined
}
