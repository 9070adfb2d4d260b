/** The stored pages of a checkpoint file, numbered from 1, and how to find an equal one by its checksum. */
import { crc32 } from './crc32'
import { WasiFile } from './wasi-file'

export const PAGE: u32 = 4096

const other = memory.data(4096, 8)
const padded = memory.data(4096, 8)

export class Pages {
  /** Where its bytes stand in the file; those missing to 4 KiB are zeros. */
  at: Array<u64> = [0]
  checksums: Array<u32> = [0]
  /** Bytes stored; 0: it is compressed. */
  sizes: Array<u32> = [0]
  /** In memory, of pages that are not written yet; else 0. */
  sources: Array<usize> = [0]
  /** Page numbers by checksum, open addressing. */
  slots: StaticArray<u32> = new StaticArray<u32>(1024)
  /** Of the last `place`. */
  placed: u32 = 0

  file: WasiFile = new WasiFile()

  get count(): u32 {
    return <u32>this.at.length - 1
  }

  slotOf(checksum: u32): u32 {
    const mask = <u32>this.slots.length - 1
    let slot = (checksum * 0x9e3779b1) & mask
    while (this.slots[slot] != 0 && this.checksums[this.slots[slot]] != checksum) slot = (slot + 1) & mask
    return slot
  }

  hash(room: i32): void {
    this.slots = new StaticArray<u32>(room)
    for (let page: u32 = 1; page <= this.count; page++) {
      const slot = this.slotOf(this.checksums[page])
      if (this.slots[slot] == 0) this.slots[slot] = page
    }
  }

  add(at: u64, source: usize, checksum: u32, size: u32): void {
    this.at.push(at)
    this.sources.push(source)
    this.checksums.push(checksum)
    this.sizes.push(size)
    if (this.count * 2 > <u32>this.slots.length) return this.hash(this.slots.length * 2)
    const slot = this.slotOf(checksum)
    if (this.slots[slot] == 0) this.slots[slot] = this.count
  }

  /** Forgets pages from number `first` on, which were not written. */
  forget(first: u32): void {
    this.at.length = first
    this.sources.length = first
    this.checksums.length = first
    this.sizes.length = first
    this.hash(this.slots.length)
  }

  /** 1 where the stored page is these bytes, filled up with zeros; 0 where not; or a negated errno. */
  private is(page: u32, bytes: usize, size: usize): i32 {
    const stored = this.sizes[page]
    if (stored == 0) return 0
    memory.fill(other, 0, PAGE)
    const source = this.sources[page]
    if (source != 0) memory.copy(other, source, stored)
    else {
      const errno = this.file.read(other, stored, this.at[page])
      if (errno != 0) return -errno
    }
    if (memory.compare(other, bytes, size) != 0) return 0
    for (let i = size; i < PAGE; i++) if (load<u8>(other + i) != 0) return 0
    return 1
  }

  /** Finds the number of a page, 0 for zeros, as `placed`; one that stands nowhere yet is added to be written. */
  place(bytes: usize, size: usize, before: u32): i32 {
    let used = size
    while (used > 0 && load<u8>(bytes + used - 1) == 0) used--
    this.placed = 0
    if (used == 0) return 0
    let whole = bytes
    if (size < PAGE) {
      memory.copy(padded, bytes, size)
      memory.fill(padded + size, 0, <usize>PAGE - size)
      whole = padded
    }
    const checksum = crc32(0, whole, PAGE)
    const isBefore = before != 0 && this.checksums[before] == checksum
    const candidate = isBefore ? before : this.slots[this.slotOf(checksum)]
    if (candidate != 0) {
      const same = this.is(candidate, bytes, size)
      if (same < 0) return -same
      this.placed = candidate
      if (same == 1) return 0
    }
    this.add(0, bytes, checksum, <u32>size)
    this.placed = this.count
    return 0
  }
}
