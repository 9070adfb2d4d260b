import { checksum } from '../../log/checksum.ts'
import { checkSessionName } from '../address.ts'
import type { Crc32 } from '../checkpoint-file/layout.ts'
import type { Wanted } from '../checkpoint-file/reading.ts'
import type { Store } from '../store.ts'

/** The two blobs of a session's checkpoint file, and where a fresh one is written before it takes the old one's place. */
export function blobsOf(session: string) {
  const folder = `sessions/${checkSessionName(session)}/`
  return {
    data: `${folder}checkpoints.ckp`,
    index: `${folder}checkpoints.cki`,
    fresh: `${folder}checkpoints.new`,
  } as const
}

export const crc32: Crc32 = (bytes, seed = 0) => checksum(bytes, seed) >>> 0

/** Bytes of a blob from `offset` on, as many as there are up to `length`; words can be read in place. */
export async function getRange(store: Store, blob: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = (await store.get(blob, { start: offset, end: offset + length })) ?? new Uint8Array(0)
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
}

export function readerOf(store: Store, session: string): (wanted: Wanted) => Promise<Uint8Array> {
  const blobs = blobsOf(session)
  return ({ file, offset, length }) => getRange(store, blobs[file], offset, length)
}
