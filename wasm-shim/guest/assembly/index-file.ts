import { DATA_HEADER, DataFile, FIXED, INDEX_HEADER } from './data-file'
import { damaged } from './errors'

/** "\x89STASCKI". */
const indexMagicBytes = memory.data<u8>([0x89, 0x53, 0x54, 0x41, 0x53, 0x43, 0x4b, 0x49])

/** Leaves the index where its length and its last head are the data's, and makes it anew otherwise. */
export function bringIndex(file: DataFile, headerChecksum: u32, last: u64, lastLength: u32): i32 {
  const bytes = new ArrayBuffer(160)
  const header = changetype<usize>(bytes)
  const found = header + 16
  const ours = header + 32
  const theirs = header + 96
  memory.copy(header, indexMagicBytes, 8)
  store<u32>(header, 1, 8)
  store<u32>(header, headerChecksum, 12)
  const isLong = file.index.size() == <i64>file.indexEnd && file.index.read(found, INDEX_HEADER, 0) == 0
  if (isLong && memory.compare(header, found, INDEX_HEADER) == 0) {
    if (lastLength == 0) return 0
    const isRead = file.data.read(ours, FIXED, last) == 0 && file.index.read(theirs, FIXED, file.indexEnd - lastLength) == 0
    if (isRead && memory.compare(ours, theirs, FIXED) == 0) return 0
  }
  let errno = file.index.truncate(0)
  if (errno == 0) errno = file.index.write(header, INDEX_HEADER, 0)
  let to: u64 = INDEX_HEADER
  for (let at: u64 = DATA_HEADER; errno == 0 && at < file.end; ) {
    const head = file.readHead(at, file.end)
    if (head == null) return damaged(at)
    const p = changetype<usize>(head)
    const length = load<u32>(p, 4)
    errno = file.index.write(p, length, to)
    at += length + load<u64>(p, 8)
    to += length
  }
  return errno
}
