import { SectionKind, sectionNames } from '../../image/layout.ts'
import { Catalog, type SavedRegion } from '../checkpoint-file/catalog.ts'
import { type Packed, packPages } from '../checkpoint-file/groups.ts'
import { decodeDataHeader, encodeDataHeader, encodeIndexHeader } from '../checkpoint-file/headers.ts'
import { dataHeaderSize, maxDeflatedPages } from '../checkpoint-file/layout.ts'
import { encodeHead } from '../checkpoint-file/record.ts'
import { portableEqual } from '../checkpoint-file/storage.ts'
import { type BuiltRecord, buildRecord, regionEntry } from '../checkpoint-file/write-record.ts'
import type { Store } from '../store.ts'
import { blobsOf, crc32 } from './blobs.ts'
import type { ImageParts } from './image-parts.ts'
import { isUnchanged, type KnownFile, maxKnownPages } from './known-file.ts'
import { isSameMemory, type PackedRegion } from './packed-region.ts'
import { finderOf, PageSorter, type RegionBefore, type SaveTools } from './page-sorter.ts'
import { readSessionFile, type SessionFile } from './session-file.ts'

/** A version that was saved and whose bytes are still in memory: the next one is compared with them, without reading. */
export interface KeptVersion {
  /** Checksum of the record's head. */
  readonly checksum: number
  readonly regions: ReadonlyMap<string, PackedRegion>
  /** The checkpoint file as that version left it; absent where that is large, or its index could not be written. */
  readonly file?: KnownFile
}

export interface SaveSettings {
  /** 'stored' (default) is written and read at the speed of the disk; 'deflate' makes it smaller. */
  readonly codec?: 'stored' | 'deflate'
  /** Lets other work of the thread go first. */
  readonly pause?: () => Promise<void>
  /** Comparison of equally long bytes, where the host has a faster one. */
  readonly equal?: (a: Uint8Array, b: Uint8Array) => boolean
  readonly before?: KeptVersion | undefined
}

export interface SavedVersion {
  readonly version: number
  /** Bytes that it added to the checkpoint file: data and index. */
  readonly added: number
  readonly kept: KeptVersion
}

/**
 * Appends a version to the session's checkpoint file: pages that stand in the file already are referred to, all others are
 * written. `least` is the lowest number that it may have. The caller holds the session's lock, and leaves the image's
 * bytes alone until this resolves, and as long as it keeps what is returned.
 */
export async function saveVersion(
  store: Store,
  session: string,
  { head, headBytes, regions }: ImageParts,
  least: number,
  { codec = 'stored', pause = async () => {}, equal = portableEqual, before }: SaveSettings = {},
): Promise<SavedVersion> {
  const known = before?.file && (await isUnchanged(store, session, before.file)) ? before.file : undefined
  const file = known ?? (await readSessionFile(store, session)) ?? emptyFile()
  const { catalog } = file
  const finder = known?.finder ?? finderOf(catalog)
  const firstNew = catalog.pages + 1
  const tools = { store, blob: blobsOf(session).data, catalog, equal, pause, finder }
  const sorter = new PageSorter(tools)
  const kept = before?.checksum === catalog.checksum ? before.regions : undefined
  const savedAlready = savedMemory(kept ?? new Map(), catalog)
  const entries = []
  for (const region of regions) {
    const { name, length } = region
    const saved = catalog.regions.get(name)?.at(-1)
    const last = saved && readable(catalog, saved)
    // Memory that has grown has the pages that it had; a file's content may have had another number.
    const table = await sorter.add(region, savedAlready(region) ?? (last && { table: last, region: kept?.get(name) }))
    const state = { name, length, table, version: (saved?.version ?? 0) + 1 }
    entries.push(regionEntry({ ...state, before: last && { saved: saved!, table: last } }, catalog))
  }
  const missing = file.missing.at(-1)?.version ?? 0
  const version = Math.max(catalog.newest, missing, ...catalog.lost, least - 1) + 1
  const packed = await pack(sorter.pages, codec, tools)
  const content = { version, time: head.manifest.time, note: headBytes, regions: entries }
  const record = buildRecord({ ...content, packed, checksums: sorter.checksums }, catalog, crc32)
  const appended = await append(store, session, file, record)
  for (let page = firstNew; page <= catalog.pages; page++) finder.add(catalog.checksumOf(page), page)
  return {
    version,
    added: record.head.headLength * 2 + record.head.payloadLength,
    kept: {
      checksum: record.head.checksum,
      regions: new Map([...carriedOver(kept, regions), ...regions.map((region) => [region.name, region] as const)]),
      ...(appended && catalog.pages <= maxKnownPages && { file: { ...appended, finder } }),
    },
  }
}

/** Finds a region whose memory the kept version has too, under whatever name. */
function savedMemory(kept: ReadonlyMap<string, PackedRegion>, catalog: Catalog) {
  const names = new Map([...kept].map(([name, { bytes }]) => [bytes.buffer, name]))
  return (region: PackedRegion): RegionBefore | undefined => {
    const name = names.get(region.bytes.buffer) ?? ''
    const [there, saved] = [kept.get(name), catalog.regions.get(name)?.at(-1)]
    const table = saved && readable(catalog, saved)
    return there && table && isSameMemory(there, region) ? { table, region: there } : undefined
  }
}

const isContent = (name: string): boolean => name.startsWith(`${sectionNames[SectionKind.content]}/`)

/** Where a version carries no files, the contents before it, which the next one may name: they lie in memory of their own. */
function carriedOver(kept: ReadonlyMap<string, PackedRegion> | undefined, regions: readonly PackedRegion[]) {
  return regions.some(({ name }) => isContent(name)) ? [] : [...(kept ?? [])].filter(([name]) => isContent(name))
}

/** The table, unless damage has made it unknown. */
function readable(catalog: Catalog, saved: SavedRegion): Uint32Array | undefined {
  try {
    return catalog.table(saved)
  } catch {
    return undefined
  }
}

function emptyFile(): SessionFile {
  const { checksum } = decodeDataHeader(encodeDataHeader(1, crc32), crc32)
  return { catalog: new Catalog(1, checksum), indexed: 0, known: 0, sizes: { data: 0, index: 0 }, missing: [] }
}

/** Deflates a group at a time, with room for other work between them. */
async function pack(pages: readonly Uint8Array[], codec: 'stored' | 'deflate', { pause }: SaveTools): Promise<Packed> {
  if (codec === 'stored') return packPages(pages, codec, crc32)
  const packed = { groups: [] as Packed['groups'][number][], parts: [] as Uint8Array[] }
  for (let at = 0; at < pages.length; at += maxDeflatedPages) {
    const { groups, parts } = packPages(pages.slice(at, at + maxDeflatedPages), codec, crc32)
    packed.groups.push(...groups)
    packed.parts.push(...parts)
    await pause()
  }
  return packed
}

/**
 * Writes a record behind the last whole one, and then the index. Where that fails, no version is left behind. Resolves to the
 * file as it is then, if all of it is as it should be.
 */
export async function append(
  store: Store,
  session: string,
  file: SessionFile,
  record: BuiltRecord,
): Promise<SessionFile | undefined> {
  const { catalog, indexed, known } = file
  const { data, index } = blobsOf(session)
  const isNew = catalog.records.length === 0 && catalog.end === dataHeaderSize
  const at = isNew ? 0 : catalog.end
  const header = isNew ? [encodeDataHeader(1, crc32)] : []
  try {
    await store.append(data, at, [...header, ...record.parts])
  } catch (error) {
    if (isNew) await store.delete(data).catch(() => false)
    else await store.append(data, at, []).catch(() => undefined)
    throw error
  }
  catalog.add(record.head)
  const headerChecksum = catalog.records[0]!.head.previous
  const heads = catalog.records.slice(known).map(({ head }) => encodeHead(head, crc32))
  const start = indexed === 0 ? [encodeIndexHeader(headerChecksum)] : []
  const parts = [...start, ...heads]
  try {
    await store.append(index, indexed, parts)
  } catch {
    // The version is saved. Whoever reads the file next finds the index behind, and what it lacks in the data.
    return undefined
  }
  if (file.error !== undefined || file.missing.length > 0 || catalog.lost.size > 0) return undefined
  const size = indexed + parts.reduce((sum, { length }) => sum + length, 0)
  return {
    catalog,
    indexed: size,
    known: catalog.records.length,
    sizes: { data: catalog.end, index: size },
    missing: [],
  }
}
