import { pageSize } from '../../image/pages.ts'
import { Codec, damaged, dataHeaderSize, maxPackedPages, maxRegionLength, pagesOf } from './layout.ts'
import { align8, type Group, type ReadHead, RecordKind, type RegionEntry } from './record.ts'
import { decodeRemoved } from './removal.ts'

export interface SavedRegion extends RegionEntry {
  /** The file's version that it was saved with. */
  readonly fileVersion: number
}

export interface SavedRecord {
  readonly head: ReadHead
  /** Of the record in the data file. */
  readonly offset: number
}

/** Where a stored page lies: `index` pages into a group. */
export interface Place {
  readonly codec: number
  /** Of the group in the data file. */
  readonly offset: number
  readonly length: number
  readonly pages: number
  readonly firstPage: number
  readonly checksum: number
}

/** Of pages whose record is damaged. */
export const lostCodec = -1

/** What a data file holds, as the heads of its records tell, each checked against those before it. */
export class Catalog {
  readonly records: SavedRecord[] = []
  /** By name, ascending by version. */
  readonly regions = new Map<string, SavedRegion[]>()
  /** Where the next record begins. */
  end = dataHeaderSize
  /** Checksum of the newest head, or of the file's header. */
  checksum: number
  readonly firstVersion: number
  /** Versions that were removed; what they hold may be needed by others. */
  readonly removed = new Set<number>()
  /** Numbers of versions whose records are damaged, and of such that need what stood there. */
  readonly #lost = new Set<number>()
  readonly #groups: Place[] = []
  #checksums = new Uint32Array(1024)
  #pages = 0

  constructor(firstVersion: number, headerChecksum: number) {
    this.firstVersion = firstVersion
    this.checksum = headerChecksum
  }

  /** Stored pages are numbered from 1 to this. */
  get pages(): number {
    return this.#pages
  }

  checksumOf(page: number): number {
    return this.#checksums[page]!
  }

  /** Versions of the file that can be restored, ascending. */
  versions(): number[] {
    return this.saves().map(({ head }) => head.version)
  }

  /** The records of versions that were not removed, ascending. */
  saves(): SavedRecord[] {
    return this.records.filter(
      ({ head: { kind, version } }) =>
        kind !== RecordKind.removal && version >= this.firstVersion && !this.removed.has(version),
    )
  }

  /** Versions whose records could not be read. */
  get lost(): ReadonlySet<number> {
    return this.#lost
  }

  /** The newest file version, which need not be one that can be restored; 0 where there is none. */
  get newest(): number {
    return this.records.at(-1)?.head.version ?? 0
  }

  /** Throws STASIS_CKP_DAMAGED and stays as it is. */
  add(head: ReadHead): void {
    const offset = this.end
    this.#check(head, offset)
    if (head.kind === RecordKind.removal) {
      for (const version of decodeRemoved(head, offset)) this.removed.add(version)
    }
    let at = offset + head.headLength
    let page = head.firstPage
    for (const group of head.groups) {
      this.#groups.push({ ...group, offset: at, firstPage: page })
      at += group.length
      page += group.pages
    }
    this.#append(head.pageChecksums)
    for (const entry of head.regions) {
      const saved = { ...entry, fileVersion: head.version }
      const known = this.regions.get(entry.name)
      if (known === undefined) this.regions.set(entry.name, [saved])
      else known.push(saved)
    }
    this.records.push({ head, offset })
    this.end = offset + head.headLength + head.payloadLength
    this.checksum = head.checksum
  }

  /**
   * Passes over damaged records, to that of `next` at `offset`. The versions between are lost, and the pages that they had
   * stored cannot be found any more.
   */
  skip(next: ReadHead, offset: number): void {
    for (let version = this.newest + 1; version < next.version; version++) this.#lost.add(version)
    const pages = next.firstPage - 1 - this.#pages
    if (pages < 0) throw damaged('a record does not follow the one before it', offset)
    if (pages > 0) {
      this.#groups.push({
        codec: lostCodec,
        offset: this.end,
        length: 0,
        pages,
        firstPage: this.#pages + 1,
        checksum: 0,
      })
      this.#append(new Uint32Array(pages))
    }
    this.end = offset
    this.checksum = next.previous
    for (const { name, base, version } of next.regions) if (base !== 0) this.#forget(name, base, version)
  }

  /** A version of a region that later ones tell the difference to and that stood in a damaged record. */
  #forget(name: string, base: number, version: number): void {
    const known = this.regions.get(name) ?? []
    const length = -1
    if (known.at(-1)?.version === base) return
    known.push({
      name,
      length,
      version: Math.min(base, version - 1),
      base: 0,
      runs: new Uint32Array(0),
      fileVersion: 0,
    })
    this.regions.set(name, known)
  }

  /** The region as it was after version `fileVersion` of the file. */
  at(name: string, fileVersion: number): SavedRegion | undefined {
    return this.regions.get(name)?.findLast((saved) => saved.fileVersion <= fileVersion)
  }

  /** For each page of a region the stored page, or 0 for zeros. Throws STASIS_CKP_DAMAGED where that is lost. */
  table(saved: SavedRegion): Uint32Array {
    const table = new Uint32Array(pagesOf(saved.length))
    const chain = this.chain(saved)
    if (chain.at(-1)!.length < 0) throw damaged('a record that this version needs is damaged', this.end)
    for (const { runs } of chain.reverse()) {
      for (let at = 0; at < runs.length; at += 3) {
        const [first, count, page] = [runs[at]!, runs[at + 1]!, runs[at + 2]!]
        if (page === 0) table.fill(0, first, first + count)
        else for (let i = 0; i < count; i++) table[first + i] = page + i
      }
    }
    return table
  }

  /** The version and those that it tells the difference to, back to one that begins with nothing. */
  chain(saved: SavedRegion): SavedRegion[] {
    const versions = this.regions.get(saved.name)!
    const chain = [saved]
    for (let at = versions.indexOf(saved); chain.at(-1)!.base !== 0; ) {
      const { base } = chain.at(-1)!
      do at--
      while (versions[at]!.version !== base)
      chain.push(versions[at]!)
    }
    return chain
  }

  place(page: number): Place {
    let low = 0
    let high = this.#groups.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#groups[middle]!.firstPage <= page) low = middle
      else high = middle - 1
    }
    return this.#groups[low]!
  }

  #append(checksums: Uint32Array): void {
    const needed = this.#pages + 1 + checksums.length
    if (needed > this.#checksums.length) {
      const grown = new Uint32Array(Math.max(needed, this.#checksums.length * 2))
      grown.set(this.#checksums)
      this.#checksums = grown
    }
    this.#checksums.set(checksums, this.#pages + 1)
    this.#pages += checksums.length
  }

  #check(head: ReadHead, offset: number): void {
    const fail = (message: string): never => {
      throw damaged(message, offset)
    }
    if (head.previous !== this.checksum) fail('a record does not follow the one before it')
    const isRemoval = head.kind === RecordKind.removal
    if (isRemoval ? head.version !== this.newest : head.version <= this.newest)
      fail(`version ${head.version} follows version ${this.newest}`)
    if (head.firstPage !== this.#pages + 1)
      fail(`its pages begin with ${head.firstPage} where ${this.#pages + 1} is next`)
    let pages = 0
    let length = 0
    for (const group of head.groups) {
      if (!isPossible(group)) fail('a group of pages is impossible')
      pages += group.pages
      length += group.length
    }
    if (pages !== head.pageChecksums.length) fail('groups and checksums do not have the same number of pages')
    if (align8(length) !== head.payloadLength) fail('its groups do not fill its payload')
    if (this.#pages + pages > 0xffff_fffe) fail('it has too many pages')
    const names = new Set<string>()
    for (const region of head.regions) {
      if (names.has(region.name)) fail(`it saves ${region.name} twice`)
      names.add(region.name)
      this.#checkRegion(region, this.#pages + pages, fail)
    }
  }

  #checkRegion({ name, length, version, base, runs }: RegionEntry, pages: number, fail: (m: string) => never): void {
    const versions = this.regions.get(name)
    const before = versions?.at(-1)
    if (length > maxRegionLength) fail(`the region ${name} has ${length} bytes`)
    if (version <= (before?.version ?? 0)) fail(`version ${version} of ${name} follows version ${before?.version ?? 0}`)
    const isBased = before?.version === base && (before.length === length || before.length < 0)
    if (base !== 0 && !isBased) fail(`${name} lacks its version ${base}`)
    const count = pagesOf(length)
    let next = 0
    for (let at = 0; at < runs.length; at += 3) {
      const [first, size, page] = [runs[at]!, runs[at + 1]!, runs[at + 2]!]
      if (first < next || size === 0 || first + size > count) fail(`${name} has an impossible run of pages`)
      if (page !== 0 && page + size - 1 > pages) fail(`${name} names page ${page + size - 1} of ${pages}`)
      next = first + size
    }
  }
}

function isPossible({ codec, pages, length, checksum }: Group): boolean {
  if (pages === 0 || length === 0 || length > pages * pageSize) return false
  if (codec === Codec.stored) return length > (pages - 1) * pageSize && checksum === 0
  return (codec === Codec.deflate || codec === Codec.zstd) && pages <= maxPackedPages
}
