import { damaged } from './layout.ts'
import { type ReadHead, type RecordHead, RecordKind } from './record.ts'

/** The head of a record that removes versions. It is the whole record. */
export function removalHead(
  versions: readonly number[],
  { newest, checksum, pages }: { readonly newest: number; readonly checksum: number; readonly pages: number },
  time: number,
): RecordHead {
  const note = new Uint8Array(versions.length * 8)
  const view = new DataView(note.buffer)
  versions.forEach((version, i) => {
    view.setBigUint64(i * 8, BigInt(version), true)
  })
  return {
    kind: RecordKind.removal,
    version: newest,
    time,
    previous: checksum,
    firstPage: pages + 1,
    groups: [],
    pageChecksums: new Uint32Array(0),
    regions: [],
    note,
  }
}

/** The versions that it removes. Throws STASIS_CKP_DAMAGED. */
export function decodeRemoved(
  { note, groups, regions, version }: Pick<ReadHead, 'note' | 'groups' | 'regions' | 'version'>,
  offset: number,
): readonly number[] {
  if (note.length % 8 !== 0 || groups.length > 0 || regions.length > 0) {
    throw damaged('a record that removes versions holds something else', offset)
  }
  const view = new DataView(note.buffer, note.byteOffset, note.length)
  return Array.from({ length: note.length / 8 }, (_, i) => {
    const removed = Number(view.getBigUint64(i * 8, true))
    if (removed > 0 && removed <= version) return removed
    throw damaged(`version ${removed} is removed and ${version} is the newest`, offset)
  })
}
