import { headFixedSize } from '../checkpoint-file/layout.ts'
import type { PageFinder } from '../checkpoint-file/page-finder.ts'
import type { Store } from '../store.ts'
import { blobsOf, getRange } from './blobs.ts'
import type { SessionFile } from './session-file.ts'

/** Stored pages of a file that is known from one save to the next: 4 GiB, for which it takes about 30 MB of memory. */
export const maxKnownPages: number = 2 ** 20

/** A session's checkpoint file that was read or written, to be used again as long as nobody else writes to it. */
export interface KnownFile extends SessionFile {
  readonly finder: PageFinder
}

/**
 * Whether the file is what it was: both blobs have the same lengths, and the index ends with the same head. Heads are chained
 * by their checksums, so that the last one stands for all.
 */
export async function isUnchanged(store: Store, session: string, { catalog, sizes }: KnownFile): Promise<boolean> {
  const { data, index } = blobsOf(session)
  const blobs = await store.list(data.slice(0, -'ckp'.length))
  const hasSize = (blob: string, size: number) => blobs.some((each) => each.name === blob && each.size === size)
  const last = catalog.records.at(-1)?.head
  if (last === undefined || !hasSize(data, sizes.data) || !hasSize(index, sizes.index)) return false
  const fixed = await getRange(store, index, sizes.index - last.headLength, headFixedSize)
  if (fixed.length !== headFixedSize) return false
  return new DataView(fixed.buffer, fixed.byteOffset).getUint32(headFixedSize - 4, true) === last.checksum
}
