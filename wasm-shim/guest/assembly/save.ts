import { crc32 } from './crc32'
import { align, DataFile, FIXED, RECORD_MAGIC, REGION_BYTES } from './data-file'
import { EBUSY, fail } from './errors'
import { PAGE, Pages } from './pages'
import { collect, putRuns, State } from './region'
import { now } from './wasi-file'

/** Bytes of the pages in the groups that were put last. */
let payload: u64 = 0

/** A group ends behind a page that is not whole. Returns how many there are; writes them where `to` is not 0. */
function putGroups(pages: Pages, first: u32, to: usize): u32 {
  let count: u32 = 0
  payload = 0
  for (let page = first; page <= pages.count; count++) {
    let taken: u32 = 0
    let size: u32 = 0
    for (;;) {
      const stored = pages.sizes[page + taken]
      size += stored
      taken++
      if (stored != <u32>PAGE || page + taken > pages.count || taken >= 0xffff) break
    }
    if (to != 0) {
      store<u32>(to + <usize>count * 16, taken, 4)
      store<u32>(to + <usize>count * 16, size, 8)
    }
    payload += size
    page += taken
  }
  return count
}

function buildHead(file: DataFile, first: u32, states: Array<State>): ArrayBuffer {
  const pages = file.pages
  const groups = putGroups(pages, first, 0)
  const added = pages.count - first + 1
  let length: usize = FIXED
  length += <usize>groups * 16 + <usize>added * 4
  for (let i = 0; i < states.length; i++) {
    const state = states[i]
    length += REGION_BYTES + <usize>align(state.region.utf8.byteLength, 4) + <usize>state.runs * 12
  }
  length = <usize>align(length, 8)
  const head = new ArrayBuffer(<i32>length)
  const p = changetype<usize>(head)
  store<u32>(p, RECORD_MAGIC)
  store<u32>(p, <u32>length, 4)
  store<u64>(p, align(payload, 8), 8)
  store<u64>(p, file.newest + 1, 16)
  store<u64>(p, now(), 24)
  store<u32>(p, file.checksum, 32)
  store<u32>(p, states.length, 36)
  store<u32>(p, groups, 40)
  store<u32>(p, added, 44)
  store<u32>(p, first, 48)
  putGroups(pages, first, p + FIXED)
  let at = p + FIXED + <usize>groups * 16
  for (let page = first; page <= pages.count; page++, at += 4) store<u32>(at, pages.checksums[page])
  for (let i = 0; i < states.length; i++) {
    const state = states[i]
    const region = state.region
    const newest = region.newest
    const name = region.utf8.byteLength
    store<u32>(at, name)
    store<u32>(at, state.runs, 4)
    store<u64>(at, region.length, 8)
    store<u32>(at, newest ? newest.number + 1 : 1, 16)
    store<u32>(at, state.base, 20)
    memory.copy(at + REGION_BYTES, changetype<usize>(region.utf8), name)
    at += REGION_BYTES + <usize>align(name, 4)
    putRuns(state.table, state.base == 0 ? null : state.before, at)
    at += <usize>state.runs * 12
  }
  store<u32>(p, crc32(crc32(0, p, 60), p + FIXED, length - FIXED), 60)
  return head
}

function writeRecord(file: DataFile, head: ArrayBuffer, first: u32): i32 {
  const pages = file.pages
  const length = head.byteLength
  let errno = file.data.write(changetype<usize>(head), length, file.end)
  let to = file.end + length
  const end = to + load<u64>(changetype<usize>(head), 8)
  for (let page = first; errno == 0 && page <= pages.count; ) {
    const source = pages.sources[page]
    let size: usize = 0
    // Pages that follow each other in memory are written at once.
    do {
      size += pages.sizes[page]
      page++
    } while (page <= pages.count && pages.sources[page] == source + size)
    errno = file.data.write(source, size, to)
    to += size
  }
  if (errno == 0 && end > to) {
    const zeros = new ArrayBuffer(8)
    errno = file.data.write(changetype<usize>(zeros), <usize>(end - to), to)
  }
  return errno == 0 && file.durable ? file.data.sync() : errno
}

/** Appends one version of each region. */
export function save(file: DataFile, states: Array<State>): i32 {
  if (file.data.size() != <i64>file.end)
    return fail(EBUSY, 'Somebody else has written to the checkpoint file since it was opened.')
  const first = file.pages.count + 1
  let errno = 0
  for (let i = 0; errno == 0 && i < states.length; i++) errno = collect(file.pages, states[i])
  if (errno != 0) {
    file.pages.forget(first)
    return errno
  }
  const head = buildHead(file, first, states)
  errno = writeRecord(file, head, first)
  // The lists learn of it as they would from a file.
  file.pages.forget(first)
  if (errno != 0) {
    file.data.truncate(file.end)
    return errno
  }
  const indexEnd = file.indexEnd
  errno = file.addRecord(head)
  if (errno != 0) return errno
  // A version is saved even if the index cannot be written: whoever opens the file next brings it up to date.
  file.index.write(changetype<usize>(head), head.byteLength, indexEnd)
  for (let i = 0; i < states.length; i++) {
    const region = states[i].region
    region.table = states[i].table
    region.tableOf = region.newest!.number
  }
  return 0
}
