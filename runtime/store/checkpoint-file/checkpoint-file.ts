import { StasisError } from '../../../wasm-shim/errors.ts'
import type { SavedRegion } from './catalog.ts'
import { PageCollector, type PageTools } from './collect.ts'
import { compactInto } from './compact.ts'
import { packPages } from './groups.ts'
import { load, scan } from './load.ts'
import {
  type CheckpointFileOptions,
  checkKeep,
  checkNote,
  checkOptions,
  describeVersions,
  type FileVersion,
  type SaveOptions,
} from './options.ts'
import { PageFinder } from './page-finder.ts'
import { PageReader } from './page-reader.ts'
import { putBack } from './put-back.ts'
import { readSync } from './reading.ts'
import { otherLength, type Region, type RegionBytes, Regions } from './regions.ts'
import { type CheckpointStorage, portableCrc32, portableEqual } from './storage.ts'
import { verifyFile } from './verify.ts'
import { findVersion, listedVersions } from './versions.ts'
import { appendRecord, buildRecord, regionEntry } from './write-record.ts'

/**
 * Named regions of memory, saved as versions into one file (physically two: data and index), and restored by number:
 * 1 and up, or 0 for the newest, -1 for the one before. One writer, many readers. docs/checkpoint-files.md.
 */
export class CheckpointFile {
  readonly #storage: CheckpointStorage
  readonly #codec: 'stored' | 'deflate'
  readonly #isDurable: boolean
  readonly #regions = new Regions()
  /** The pages of each region's newest version. */
  readonly #tables = new Map<string, { readonly saved: SavedRegion; readonly table: Uint32Array }>()
  #tools: PageTools
  /** Stored pages up to this number can be found by checksum. */
  #found = 0
  #isOpen = true

  /** Takes the storage and closes it with the file. Throws STASIS_CKP_FOREIGN, STASIS_CKP_VERSION, STASIS_CKP_DAMAGED. */
  static open(storage: CheckpointStorage, options: CheckpointFileOptions = {}): CheckpointFile {
    try {
      checkOptions(options)
      return new CheckpointFile(storage, options)
    } catch (error) {
      storage.close()
      throw error
    }
  }

  private constructor(storage: CheckpointStorage, { codec = 'stored', durable = false }: CheckpointFileOptions) {
    this.#storage = storage
    this.#codec = codec
    this.#isDurable = durable
    this.#tools = this.#load()
  }

  /**
   * Names a region. Registering a name again replaces what it stands for; with another length (than it is registered or
   * saved with) only if `replace` is true, else STASIS_CKP_LENGTH.
   */
  register(name: string, bytes: RegionBytes, { replace = false }: { readonly replace?: boolean } = {}): Region {
    this.#check()
    return this.#regions.register(name, bytes, replace, this.#tools.catalog)
  }

  /** The region registered under the name, else STASIS_CKP_REGION. */
  locate(name: string): Region {
    this.#check()
    return this.#regions.locate(name)
  }

  /** Forgets the region; its saved versions stay. */
  unregister(region: Region): void {
    this.#check()
    this.#regions.remove(region)
  }

  /** Appends a version of one region, and returns its number. */
  save(region: Region, options: SaveOptions = {}): number {
    this.#check()
    this.#save([this.#regions.check(region)], options)
    return this.#tools.catalog.regions.get(region.name)!.at(-1)!.version
  }

  /** Saves all registered regions as one set: all of them or, after a crash, none. Returns the file's version. */
  saveAll(options: SaveOptions = {}): number {
    this.#check()
    this.#save(this.#regions.all, options)
    return this.#tools.catalog.newest
  }

  /** Puts a region's version back. The region is left alone where the version does not exist, or is damaged. */
  restore(region: Region, version = 0): void {
    this.#check()
    const { bytes } = this.#regions.check(region)
    putBack([{ bytes, saved: this.#version(region.name, version) }], this.#tools)
  }

  /**
   * Puts all registered regions back as they were after version `version` of the file; its versions count saves of one
   * region and of all. No region is touched where one of them had not been saved by then, or is damaged.
   */
  restoreAll(version = 0): void {
    this.#check()
    const { catalog } = this.#tools
    const found = findVersion(catalog.versions(), version, `The checkpoint file ${this.#storage.name}`)
    const targets = this.#regions.all.map(({ name, bytes }) => {
      const saved = catalog.at(name, found)
      if (saved !== undefined) return { bytes, saved }
      const message = `The region ${name} had not been saved by version ${found}. Unregister it, or restore a later one.`
      throw new StasisError('STASIS_CKP_UNSAVED', message, { name, version: found })
    })
    putBack(targets, this.#tools)
  }

  /** A copy of a saved version, of a region that need not be registered; at most `maxLength` bytes (default 1 GiB). */
  read(name: string, version = 0, { maxLength = 2 ** 30 }: { readonly maxLength?: number } = {}): Uint8Array {
    this.#check()
    const saved = this.#version(name, version)
    if (saved.length > maxLength) throw otherLength(name, maxLength, saved.length)
    const bytes = new Uint8Array(saved.length)
    putBack([{ bytes, saved }], this.#tools)
    return bytes
  }

  /** Versions of the file that can be restored, oldest first. */
  versions(): FileVersion[] {
    this.#check()
    return describeVersions(this.#tools.catalog)
  }

  /** Names of the regions that were ever saved, registered or not, each with the numbers of its versions. */
  saved(): ReadonlyMap<string, readonly number[]> {
    this.#check()
    const names = [...this.#tools.catalog.regions.keys()]
    return new Map(names.map((name) => [name, this.#listed(name).map(({ version }) => version)]))
  }

  /** Lets a reader see what was saved since it opened the file. */
  refresh(): void {
    this.#check()
    if (this.#storage.isWriter) return
    const { data } = this.#storage
    readSync(scan(this.#tools.catalog, data.size(), this.#tools.crc32), { data })
  }

  /**
   * Removes all but the `keep` newest versions of the file, and what regions need of older ones, by writing a fresh file
   * and putting it in the place of the old. Versions keep their numbers. Readers that have it open keep the old one.
   */
  compact({ keep }: { readonly keep: number }): void {
    this.#checkWriter()
    checkKeep(keep)
    this.#storage.replace((fresh) => compactInto(fresh, this.#tools, keep, this.#codec))
    this.#tools = this.#load()
  }

  /** Checks every byte of the data file. Throws STASIS_CKP_DAMAGED with the first that is wrong. */
  verify(): void {
    this.#check()
    verifyFile(this.#storage.data, this.#tools)
  }

  /** Unregisters all regions, and lets go of the file. Idempotent. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#regions.clear()
    this.#tables.clear()
    this.#storage.close()
  }

  #load(): PageTools {
    const { crc32 = portableCrc32, equal = portableEqual, data, isWriter } = this.#storage
    const { catalog } = load(this.#storage, crc32)
    const finder = new PageFinder((page) => catalog.checksumOf(page))
    this.#tables.clear()
    this.#found = 0
    return { catalog, reader: new PageReader(catalog, data, crc32, isWriter), finder, crc32, equal }
  }

  #save(regions: readonly Region[], { note = new Uint8Array(0) }: SaveOptions): void {
    this.#checkWriter()
    checkNote(note)
    const { catalog, finder, crc32 } = this.#tools
    const { data, now } = this.#storage
    if (data.size() !== catalog.end) throw changed(this.#storage.name)
    while (this.#found < catalog.pages) {
      this.#found++
      finder.add(catalog.checksumOf(this.#found), this.#found)
    }
    const collector = new PageCollector(this.#tools)
    const states = regions.map((region) => {
      const { name, length, bytes } = region
      const before = this.#newest(name)
      const table = collector.add(bytes, before?.saved.length === length ? before.table : undefined)
      return { name, length, table, version: (before?.saved.version ?? 0) + 1, before }
    })
    const entries = states.map((state) => regionEntry(state, catalog))
    const content = { version: catalog.newest + 1, time: Math.trunc(now?.() ?? 0), note, regions: entries }
    const packed = packPages(collector.pages, this.#codec, crc32)
    const record = buildRecord({ ...content, packed, checksums: collector.checksums }, catalog, crc32)
    appendRecord(this.#storage, record, catalog, this.#isDurable)
    for (const { name, table } of states) this.#tables.set(name, { saved: catalog.regions.get(name)!.at(-1)!, table })
  }

  #newest(name: string): { readonly saved: SavedRegion; readonly table: Uint32Array } | undefined {
    const known = this.#tables.get(name)
    if (known !== undefined) return known
    const saved = this.#tools.catalog.regions.get(name)?.at(-1)
    return saved && { saved, table: this.#tools.catalog.table(saved) }
  }

  /** Those that can be restored. */
  #listed(name: string): SavedRegion[] {
    const { catalog } = this.#tools
    const all = catalog.regions.get(name) ?? []
    return catalog.removed.size === 0 ? all : listedVersions(all, catalog.versions())
  }

  #version(name: string, version: number): SavedRegion {
    const all = this.#listed(name)
    const found = findVersion(
      all.map((saved) => saved.version),
      version,
      `The region ${name}`,
    )
    return all.find((saved) => saved.version === found)!
  }

  #check(): void {
    if (this.#isOpen) return
    const message = `The checkpoint file ${this.#storage.name} was closed. Open it again.`
    throw new StasisError('STASIS_CKP_CLOSED', message, { name: this.#storage.name })
  }

  #checkWriter(): void {
    this.#check()
    if (this.#storage.isWriter) return
    const message = `The checkpoint file ${this.#storage.name} was opened to be read. Open it without readOnly to save.`
    throw new StasisError('STASIS_CKP_READ_ONLY', message, { name: this.#storage.name })
  }
}

function changed(name: string): StasisError {
  const message = `Somebody else has written to the checkpoint file ${name} since it was opened. Close it and open it again.`
  return new StasisError('STASIS_CKP_CHANGED', message, { name })
}
