// Records whose checksums are right and whose contents cannot be: each is refused.
import { expect, test } from 'vitest'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { encodeDataHeader } from '../../runtime/store/checkpoint-file/headers.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import { encodeHead, type RecordHead, type RegionEntry } from '../../runtime/store/checkpoint-file/record.ts'
import { portableCrc32 } from '../../runtime/store/checkpoint-file/storage.ts'
import { writable } from '../support/codecs.ts'
import { codeOf, somePages } from './worlds.ts'

const header = encodeDataHeader(1, portableCrc32)
const pages = somePages(2, 1)
const region: RegionEntry = { name: 'a', length: 5 * 4096, version: 1, base: 0, runs: Uint32Array.of(0, 1, 1, 2, 2, 1) }
const good: RecordHead = {
  version: 1,
  time: 0,
  previous: new DataView(header.buffer).getUint32(28, true),
  firstPage: 1,
  groups: [{ codec: 0, pages: 2, length: 8192, checksum: 0 }],
  pageChecksums: Uint32Array.of(portableCrc32(pages.subarray(0, 4096)), portableCrc32(pages.subarray(4096))),
  regions: [region],
  note: Uint8Array.of(1, 2, 3),
}

const open = (...parts: readonly Uint8Array[]): CheckpointFile => {
  const disk = new MemoryCheckpoints()
  disk.data.append([header, ...parts])
  return CheckpointFile.open(disk.open({ readOnly: true }))
}
const withRegion = (change: Partial<RegionEntry>): RecordHead => ({ ...good, regions: [{ ...region, ...change }] })
const withGroup = (change: object): RecordHead => ({ ...good, groups: [{ ...good.groups[0]!, ...change }] })

test('the record that the others are made of is read', () => {
  const file = open(encodeHead(good, portableCrc32), pages)
  expect(file.read('a').subarray(0, 4096)).toEqual(pages.subarray(0, 4096))
  file.verify()
})

const contradictions: Readonly<Record<string, RecordHead>> = {
  'does not follow the one before': { ...good, previous: good.previous ^ 1 },
  'has version 0': { ...good, version: 0 },
  'begins its pages elsewhere': { ...good, firstPage: 2 },
  'has runs that overlap': withRegion({ runs: Uint32Array.of(0, 2, 1, 1, 1, 1) }),
  'has a run of no pages': withRegion({ runs: Uint32Array.of(0, 0, 1) }),
  'has a run behind the end of its region': withRegion({ runs: Uint32Array.of(4, 2, 1) }),
  'has a run of four thousand million pages': withRegion({ runs: Uint32Array.of(1, 0xffff_ffff, 0) }),
  'names pages that there are not': withRegion({ runs: Uint32Array.of(0, 2, 2) }),
  'has a region version 0': withRegion({ version: 0 }),
  'lacks its base': withRegion({ version: 2, base: 1 }),
  'has a region larger than any': withRegion({ length: 2 ** 34 + 1 }),
  'saves a region twice': { ...good, regions: [region, { ...region, version: 2 }] },
  'has an unknown encoding': withGroup({ codec: 3 }),
  'has more pages in a compressed group than one may have': withGroup({ codec: 2, pages: 65 }),
  'has a group of no pages': { ...good, groups: [...good.groups, { codec: 0, pages: 0, length: 0, checksum: 0 }] },
  'has fewer bytes than pages': withGroup({ length: 4096 }),
  'has more pages than checksums': withGroup({ pages: 3, length: 3 * 4096 }),
  'has a checksum where none belongs': withGroup({ checksum: 1 }),
}

test.each(Object.entries(contradictions))('a record that %s is damaged', (_what, head) => {
  const bytes = encodeHead(head, portableCrc32)
  const payload = new Uint8Array(Number(new DataView(bytes.buffer).getBigUint64(8, true)))
  expect(codeOf(() => open(bytes, payload))).toBe('STASIS_CKP_DAMAGED')
})

/** Changes a whole head and makes its checksum right again. */
function changed(change: (bytes: Uint8Array, view: DataView) => Uint8Array | undefined): Uint8Array {
  let bytes = encodeHead(good, portableCrc32)
  bytes = change(bytes, new DataView(bytes.buffer)) ?? bytes
  const checksum = portableCrc32(bytes.subarray(64), portableCrc32(bytes.subarray(0, 60)))
  new DataView(bytes.buffer).setUint32(60, checksum, true)
  return bytes
}

const oddHeads: Readonly<Record<string, Uint8Array>> = {
  'has words behind its note': changed((bytes, view) => {
    view.setUint32(4, bytes.length + 8, true)
    return Uint8Array.from([...bytes, 0, 0, 0, 0, 0, 0, 0, 0])
  }),
  'has something in its last bytes': changed((bytes) => {
    bytes[bytes.length - 1] = 1
    return undefined
  }),
  'has a reserved field': changed((_, view) => void view.setUint32(56, 1, true)),
  'announces more groups than it has bytes': changed((_, view) => void view.setUint32(40, 0xffff_ffff, true)),
  'announces more checksums than it has bytes': changed((_, view) => void view.setUint32(44, 0xffff_ffff, true)),
  'announces more regions than it has bytes': changed((_, view) => void view.setUint32(36, 0xffff_ffff, true)),
  'announces a longer note than it has bytes': changed((_, view) => void view.setUint32(52, 1 << 19, true)),
  'has a version beyond 2^53': changed((_, view) => void view.setUint32(20, 0xffff_ffff, true)),
}

test.each(Object.entries(oddHeads))('a head that %s is damaged', (_what, bytes) => {
  expect(codeOf(() => open(bytes, pages))).toBe('STASIS_CKP_DAMAGED')
})

test.each([1, 2])('a group of encoding %i is checked before it is decompressed, and has to give its pages', (codec) => {
  const packed = new Uint8Array(16).fill(0xff)
  const group = { codec, pages: 2, length: 16, checksum: 0 }
  for (const checksum of [1, portableCrc32(packed)]) {
    const file = open(encodeHead({ ...good, groups: [{ ...group, checksum }] }, portableCrc32), packed)
    // Where there is no zstd, that is said of what its checksum says is right.
    const isUnreadable = codec === 2 && checksum !== 1 && !writable.includes('zstd')
    expect(codeOf(() => file.read('a'))).toBe(isUnreadable ? 'STASIS_CODEC' : 'STASIS_CKP_DAMAGED')
  }
})
