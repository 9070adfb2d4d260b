/** A checkpoint file that is open: its records, read and checked. The format is in docs/format.md. */
import { crc32 } from './crc32'
import { damaged, EBADMSG, EINVAL, ENOTSUP, fail, failSystem } from './errors'
import { bringIndex } from './index-file'
import { PAGE, Pages } from './pages'
import { pageCount, Region, Version } from './region'
import { WasiFile } from './wasi-file'

export const DATA_HEADER: usize = 32
export const INDEX_HEADER: usize = 16
export const FIXED: u32 = 64
export const REGION_BYTES: usize = 24
export const RECORD_MAGIC: u32 = 0x52504b43
const MAX_NAME: u32 = 255
/** Kinds of records. */
const SAVE: u32 = 0
const REMOVAL: u32 = 1
export const MAX_LENGTH: u64 = 1 << 34
/** "\x89STASCKP". */
const dataMagicBytes = memory.data<u8>([0x89, 0x53, 0x54, 0x41, 0x53, 0x43, 0x4b, 0x50])

export function align(size: u64, to: u64): u64 {
  return ((size + to - 1) / to) * to
}

export class DataFile {
  data: WasiFile = new WasiFile()
  index: WasiFile = new WasiFile()
  replace: bool = false
  durable: bool = false
  end: u64 = 0
  indexEnd: u64 = 0
  firstVersion: u64 = 0
  newest: u64 = 0
  checksum: u32 = 0
  /** Ascending, without those that were removed. */
  fileVersions: Array<u64> = []
  regions: Array<Region> = []
  pages: Pages = new Pages()
  /** Why `readHead` has given nothing: 0 where there is no whole record. */
  headErrno: i32 = 0

  constructor() {
    this.pages.file = this.data
  }

  findRegion(name: string): Region | null {
    for (let i = 0; i < this.regions.length; i++) if (this.regions[i].name == name) return this.regions[i]
    return null
  }

  /** The region of that name, made where there is none. */
  regionOf(name: string, utf8: ArrayBuffer): Region {
    const known = this.findRegion(name)
    if (known) return known
    const made = new Region(name, utf8)
    this.regions.push(made)
    return made
  }

  /** The head of the record at `at`, if it is whole and its payload is there. */
  readHead(at: u64, size: u64): ArrayBuffer | null {
    this.headErrno = 0
    if (size - at < FIXED) return null
    const fixed = new ArrayBuffer(<i32>FIXED)
    const start = changetype<usize>(fixed)
    this.headErrno = this.data.read(start, FIXED, at)
    if (this.headErrno != 0) return null
    const head = load<u32>(start, 4)
    const payload = load<u64>(start, 8)
    if (load<u32>(start) != RECORD_MAGIC || head < FIXED || head % 8 != 0 || payload % 8 != 0) return null
    if (payload > size - at || head > size - at - payload) return null
    const bytes = new ArrayBuffer(head)
    const p = changetype<usize>(bytes)
    this.headErrno = this.data.read(p, head, at)
    if (this.headErrno != 0) return null
    return load<u32>(p, 60) == crc32(crc32(0, p, 60), p + FIXED, head - FIXED) ? bytes : null
  }

  /** Takes what a head says into the lists. */
  addRecord(bytes: ArrayBuffer): i32 {
    const head = changetype<usize>(bytes)
    const at = this.end
    const length = load<u32>(head, 4)
    const regions = load<u32>(head, 36)
    const groups = load<u32>(head, 40)
    const pages = load<u32>(head, 44)
    const note = load<u32>(head, 52)
    const fileVersion = load<u64>(head, 16)
    const kind = load<u32>(head, 56)
    if (kind == REMOVAL) return this.addRemoval(head)
    if (kind != SAVE) return fail(ENOTSUP, 'The checkpoint file has a record of a newer kind.')
    const isNext = load<u32>(head, 32) == this.checksum && fileVersion > this.newest
    if (!isNext || load<u32>(head, 48) != this.pages.count + 1) return damaged(at)
    if (<u64>groups * 16 + <u64>pages * 4 > <u64>length - FIXED) return damaged(at)
    const payload = this.addGroups(head, at, groups, pages)
    if (payload < 0) return damaged(at)
    if (align(payload, 8) != load<u64>(head, 8)) return damaged(at)
    let entry = head + FIXED + <usize>groups * 16 + <usize>pages * 4
    const end = head + length
    for (let i: u32 = 0; i < regions; i++) {
      const size = this.addEntry(entry, end, at + (entry - head), fileVersion)
      if (size == 0) return damaged(at)
      entry += size
    }
    if (align(<u64>(entry - head) + note, 8) != length) return damaged(at)
    this.fileVersions.push(fileVersion)
    this.newest = fileVersion
    this.pass(head)
    return 0
  }

  private pass(head: usize): void {
    const length = load<u32>(head, 4)
    this.checksum = load<u32>(head, 60)
    this.end += length + load<u64>(head, 8)
    this.indexEnd += length
  }

  /** Takes versions off the list. What they hold stays, since others may refer to it. */
  private addRemoval(head: usize): i32 {
    const at = this.end
    const note = load<u32>(head, 52)
    const isNext = load<u32>(head, 32) == this.checksum && load<u64>(head, 16) == this.newest
    if (!isNext || load<u32>(head, 48) != this.pages.count + 1 || load<u64>(head, 8) != 0) return damaged(at)
    if (load<u32>(head, 36) != 0 || load<u32>(head, 40) != 0 || load<u32>(head, 44) != 0) return damaged(at)
    if (note % 8 != 0 || <u64>FIXED + note != load<u32>(head, 4)) return damaged(at)
    for (let i: u32 = 0; i < note; i += 8) {
      const removed = load<u64>(head + FIXED + i)
      if (removed == 0 || removed > this.newest) return damaged(at)
      const index = this.fileVersions.indexOf(removed)
      if (index >= 0) this.fileVersions.splice(index, 1)
    }
    this.pass(head)
    return 0
  }

  /** Adds the pages of a record, and returns the bytes of its payload, or -1. */
  private addGroups(head: usize, at: u64, groups: u32, pages: u32): i64 {
    const checksums = head + FIXED + <usize>groups * 16
    const length = load<u32>(head, 4)
    let payload: u64 = 0
    let page: u32 = 0
    for (let i: u32 = 0; i < groups; i++) {
      const group = head + FIXED + <usize>i * 16
      const codec = load<u32>(group)
      const count = load<u32>(group, 4)
      const size = load<u32>(group, 8)
      if (count == 0 || count > pages - page || size == 0 || size > <u64>count * PAGE || codec > 1) return -1
      if (codec == 0 && size <= <u64>(count - 1) * PAGE) return -1
      for (let k: u32 = 0; k < count; k++, page++) {
        const left = codec == 0 ? size - k * <u32>PAGE : 0
        const stored: u32 = left < <u32>PAGE ? left : <u32>PAGE
        this.pages.add(at + length + payload + <u64>k * PAGE, 0, load<u32>(checksums + <usize>page * 4), stored)
      }
      payload += size
    }
    return page == pages ? <i64>payload : -1
  }

  /** Adds a region's version; returns the bytes of its entry, or 0 where it makes no sense. */
  private addEntry(entry: usize, end: usize, at: u64, fileVersion: u64): usize {
    const left = <u64>(end - entry)
    if (entry > end || left < REGION_BYTES) return 0
    const name = load<u32>(entry)
    const runs = load<u32>(entry, 4)
    const length = load<u64>(entry, 8)
    const number = load<u32>(entry, 16)
    const base = load<u32>(entry, 20)
    if (name == 0 || name > MAX_NAME || length > MAX_LENGTH) return 0
    const before = REGION_BYTES + <usize>align(name, 4)
    if (before + <u64>runs * 12 > left) return 0
    const utf8 = new ArrayBuffer(name)
    memory.copy(changetype<usize>(utf8), entry + REGION_BYTES, name)
    const region = this.regionOf(String.UTF8.decode(utf8), utf8)
    const newest = region.newest
    if (number <= (newest ? newest.number : 0)) return 0
    if (base != 0 && (newest == null || newest.number != base || newest.length != length)) return 0
    let next: u64 = 0
    for (let run: u32 = 0; run < runs; run++) {
      const words = entry + before + <usize>run * 12
      const from = <u64>load<u32>(words)
      const count = <u64>load<u32>(words, 4)
      const stored = <u64>load<u32>(words, 8)
      if (from < next || count == 0 || from + count > pageCount(length)) return 0
      if (stored != 0 && stored + count - 1 > this.pages.count) return 0
      next = from + count
    }
    region.versions.push(new Version(fileVersion, length, runs, number, base, at + before))
    return before + <usize>runs * 12
  }

  private writeHeader(): i32 {
    const header = new ArrayBuffer(<i32>DATA_HEADER)
    const p = changetype<usize>(header)
    memory.copy(p, dataMagicBytes, 8)
    store<u32>(p, 1, 8)
    store<u32>(p, <u32>PAGE, 12)
    store<u64>(p, 1, 16)
    store<u32>(p, crc32(0, p, 28), 28)
    const errno = this.data.truncate(0)
    return errno != 0 ? errno : this.data.write(p, DATA_HEADER, 0)
  }

  private readHeader(size: i64): i32 {
    const header = new ArrayBuffer(<i32>DATA_HEADER)
    const p = changetype<usize>(header)
    const known: usize = size < <i64>DATA_HEADER ? <usize>size : DATA_HEADER
    const errno = this.data.read(p, known, 0)
    if (errno != 0) return errno
    const magic: usize = known < 8 ? known : 8
    if (memory.compare(p, dataMagicBytes, magic) != 0) return fail(EINVAL, 'This is no checkpoint file.')
    if (known < DATA_HEADER) {
      // A crash while it was made.
      const made = this.writeHeader()
      return made != 0 ? made : this.readHeader(DATA_HEADER)
    }
    const format = load<u32>(p, 8)
    if (format != 1) return fail(ENOTSUP, `The checkpoint file has format version ${format}.`)
    if (load<u32>(p, 28) != crc32(0, p, 28) || load<u32>(p, 12) != PAGE) return damaged(28)
    this.firstVersion = load<u64>(p, 16)
    this.checksum = load<u32>(p, 28)
    this.end = DATA_HEADER
    this.indexEnd = INDEX_HEADER
    return 0
  }

  /** Whether a later record stands behind the last whole one: then what lies between is damaged, and no torn tail. */
  private hasRecordBehind(size: u64): i32 {
    const buffer = new ArrayBuffer(65536)
    const p = changetype<usize>(buffer)
    for (let from = this.end + 8; from + FIXED <= size; from += 65536) {
      const count: usize = size - from < 65536 ? <usize>(size - from) : 65536
      const errno = this.data.read(p, count, from)
      if (errno != 0) return -errno
      for (let at: usize = 0; at + 4 <= count; at += 8) {
        if (load<u32>(p + at) != RECORD_MAGIC) continue
        const head = this.readHead(from + at, size)
        if (head && load<u64>(changetype<usize>(head), 16) > this.newest + 1) return 1
      }
    }
    return 0
  }

  open(path: string): i32 {
    const errno = this.data.open(path)
    if (errno != 0) return errno
    // Without an index it works as well, until it is written.
    this.index.open(`${path}.index`)
    return this.load()
  }

  private load(): i32 {
    let size = this.data.size()
    if (size < 0) return failSystem(EBADMSG, 'The checkpoint file cannot be read')
    const errno = this.readHeader(size)
    if (errno != 0) return errno
    size = this.data.size()
    const headerChecksum = this.checksum
    let last: u64 = 0
    let lastLength: u32 = 0
    for (;;) {
      const head = this.readHead(this.end, size)
      if (head == null) break
      last = this.end
      lastLength = load<u32>(changetype<usize>(head), 4)
      const added = this.addRecord(head)
      if (added != 0) return added
    }
    if (this.headErrno != 0) return this.headErrno
    if (<u64>size > this.end) {
      const behind = this.hasRecordBehind(size)
      if (behind != 0) return behind < 0 ? -behind : damaged(this.end)
      const cut = this.data.truncate(this.end)
      if (cut != 0) return cut
    }
    return bringIndex(this, headerChecksum, last, lastLength)
  }

  close(): i32 {
    const errno = this.data.close()
    this.index.close()
    return errno
  }
}
