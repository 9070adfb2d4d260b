import { damaged } from './errors'
import { PAGE, Pages } from './pages'

const MAX_DEPTH: u32 = 64

export function pageCount(length: u64): u64 {
  return (length + PAGE - 1) / PAGE
}

export class Version {
  constructor(
    public fileVersion: u64,
    public length: u64,
    public runs: u32,
    public number: u32,
    /** Number of the version that its runs tell the difference to; 0 for none. */
    public base: u32,
    /** Where its runs stand in the file: first page, pages, first stored page (0: zeros), 4 bytes each. */
    public runsAt: u64,
  ) {}
}

/** A name of a checkpoint file, with its versions and, while it is registered, its memory. */
export class Region {
  memory: usize = 0
  length: usize = 0
  registered: bool = false
  /** See `ckpRestored`. */
  restored: i32 = 0
  versions: Array<Version> = []
  /** The pages of version number `tableOf`, or null. */
  table: StaticArray<u32> | null = null
  tableOf: u32 = 0

  constructor(public name: string, public utf8: ArrayBuffer) {}

  get newest(): Version | null {
    const count = this.versions.length
    return count == 0 ? null : this.versions[count - 1]
  }
}

/** What is saved of one region. */
export class State {
  table: StaticArray<u32>
  before: StaticArray<u32> | null = null
  base: u32 = 0
  runs: u32 = 0

  constructor(public region: Region) {
    this.table = new StaticArray<u32>(<i32>pageCount(region.length))
  }
}

/** Reads the numbers of a version's pages into `table`. */
export function readTable(pages: Pages, region: Region, version: Version, table: StaticArray<u32>): i32 {
  const versions = region.versions
  const last = versions.indexOf(version)
  let first = last
  while (versions[first].base != 0) first--
  const words = new StaticArray<u32>(3)
  for (; first <= last; first++) {
    const runs = versions[first].runs
    const runsAt = versions[first].runsAt
    for (let run: u32 = 0; run < runs; run++) {
      const errno = pages.file.read(changetype<usize>(words), 12, runsAt + <u64>run * 12)
      if (errno != 0) return errno
      const from = words[0]
      const count = words[1]
      const stored = words[2]
      // Checked when the file was opened; the file may have been changed since.
      if (<u64>from + count > <u64>table.length || <u64>stored + count > <u64>pages.count + 1) return damaged(runsAt)
      for (let i: u32 = 0; i < count; i++) table[from + i] = stored == 0 ? 0 : stored + i
    }
  }
  return 0
}

/** Writes the runs in which a table differs from `base` to `to`, where that is not 0, and returns how many there are. */
export function putRuns(table: StaticArray<u32>, base: StaticArray<u32> | null, to: usize): u32 {
  const length = table.length
  let count: u32 = 0
  for (let first = 0; first < length; ) {
    const page = table[first]
    if (page == (base ? base[first] : 0)) {
      first++
      continue
    }
    let size = 1
    while (
      first + size < length &&
      table[first + size] == (page == 0 ? 0 : page + size) &&
      table[first + size] != (base ? base[first + size] : 0)
    )
      size++
    if (to != 0) {
      store<u32>(to, first)
      store<u32>(to, size, 4)
      store<u32>(to, page, 8)
      to += 12
    }
    count++
    first += size
  }
  return count
}

/** Finds the pages of a region's memory, and the shorter way to tell them. */
export function collect(pages: Pages, state: State): i32 {
  const region = state.region
  const table = state.table
  const newest = region.newest
  if (newest && newest.length == region.length) {
    if (region.table == null || region.tableOf != newest.number) {
      const before = new StaticArray<u32>(table.length)
      const errno = readTable(pages, region, newest, before)
      if (errno != 0) return errno
      region.table = before
      region.tableOf = newest.number
    }
    state.before = region.table
  }
  const before = state.before
  for (let i = 0; i < table.length; i++) {
    const at = <usize>i * PAGE
    const left = region.length - at
    const errno = pages.place(region.memory + at, left < PAGE ? left : PAGE, before ? before[i] : 0)
    if (errno != 0) return errno
    table[i] = pages.placed
  }
  let depth: u32 = 1
  for (let i = region.versions.length - 1; i >= 0 && region.versions[i].base != 0; i--) depth++
  state.runs = putRuns(table, null, 0)
  if (newest && before && depth < MAX_DEPTH) {
    const changes = putRuns(table, before, 0)
    if (changes < state.runs) {
      state.runs = changes
      state.base = newest.number
    }
  }
  return 0
}
