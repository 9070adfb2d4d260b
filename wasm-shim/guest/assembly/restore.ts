import { crc32 } from './crc32'
import { DataFile } from './data-file'
import { damaged, EINVAL, ENOTSUP, ERANGE, fail } from './errors'
import { findMigration, migrate, Migration } from './migration'
import { PAGE, Pages } from './pages'
import { pageCount, readTable, Region, Version } from './region'

const buffer = memory.data(65536, 8)
const BUFFER_PAGES: usize = 16

/** With `target` 0 the pages are checked, else read to it. */
function readPages(pages: Pages, table: StaticArray<u32>, length: usize, target: usize): i32 {
  const all = <usize>pageCount(length)
  for (let i: usize = 0; i < all; ) {
    const page = table[<i32>i]
    const left = length - i * PAGE
    if (page == 0) {
      if (target != 0) memory.fill(target + i * PAGE, 0, left < PAGE ? left : PAGE)
      i++
      continue
    }
    if (pages.sizes[page] == 0) return fail(ENOTSUP, 'The version is deflated: restore it by the host.')
    const at = pages.at[page]
    let count: usize = 1
    while (
      pages.sizes[page + <u32>count - 1] == PAGE &&
      i + count < all &&
      table[<i32>(i + count)] == page + <u32>count &&
      pages.at[page + <u32>count] == at + count * PAGE &&
      pages.sizes[page + <u32>count] != 0 &&
      count < BUFFER_PAGES
    )
      count++
    const stored = (count - 1) * PAGE + pages.sizes[page + <u32>count - 1]
    if (target != 0) {
      const wanted = left < count * PAGE ? left : count * PAGE
      const present = stored < wanted ? stored : wanted
      const errno = pages.file.read(target + i * PAGE, present, at)
      if (errno != 0) return errno
      memory.fill(target + i * PAGE + present, 0, wanted - present)
    } else {
      memory.fill(buffer, 0, count * PAGE)
      const errno = pages.file.read(buffer, stored, at)
      if (errno != 0) return errno
      for (let k: usize = 0; k < count; k++) {
        if (crc32(0, buffer + k * PAGE, PAGE) != pages.checksums[page + <u32>k]) return damaged(pages.at[page + <u32>k])
      }
    }
    i += count
  }
  return 0
}

/** First all is checked, then all is read: a region is left alone when something is damaged. */
export function putBack(file: DataFile, region: Region, version: Version, isCheck: bool): i32 {
  const length = <usize>version.length
  const isSame = version.length == <u64>region.length
  const migration: Migration | null = isSame ? null : findMigration(region.name, length)
  if (!isSame && migration == null)
    return fail(EINVAL, `Version ${version.number} of ${region.name} has ${version.length} bytes.`)
  const table = new StaticArray<u32>(<i32>pageCount(version.length))
  const errno = readTable(file.pages, region, version, table)
  if (errno != 0) return errno
  if (isCheck) return readPages(file.pages, table, length, 0)
  if (migration == null) return readPages(file.pages, table, length, region.memory)
  const old = new ArrayBuffer(<i32>length)
  const read = readPages(file.pages, table, length, changetype<usize>(old))
  return read != 0 ? read : migrate(migration, old, region.memory, region.length)
}

function noVersion(what: string, wanted: i32, first: u64, last: u64, count: i32): i32 {
  const range =
    count == 0
      ? 'Nothing was saved yet.'
      : `There are ${first} to ${last}, or 0 for the newest to ${1 - count} for the oldest.`
  return fail(ERANGE, `${what} has no version ${wanted}. ${range}`)
}

/** Index of what `wanted` means counted from the end; -1 where there is none. */
function fromNewest(wanted: i32, count: i32): i32 {
  return wanted <= 0 && count + wanted > 0 ? count + wanted - 1 : -1
}

/** The region's versions that a version of the file has which was not removed. */
function listed(file: DataFile, region: Region): Array<Version> {
  const found: Array<Version> = []
  const known = file.fileVersions
  let k = 0
  for (let i = 0; i < region.versions.length; i++) {
    const version = region.versions[i]
    while (k < known.length && known[k] < version.fileVersion) k++
    if (k == known.length) break
    if (i + 1 == region.versions.length || known[k] < region.versions[i + 1].fileVersion) found.push(version)
  }
  return found
}

export function restore(file: DataFile, region: Region, wanted: i32): i32 {
  const versions = listed(file, region)
  let at = fromNewest(wanted, versions.length)
  for (let i = 0; wanted > 0 && i < versions.length; i++) if (versions[i].number == <u32>wanted) at = i
  if (at < 0) {
    const count = versions.length
    const first = count == 0 ? 0 : versions[0].number
    return noVersion(region.name, wanted, first, count == 0 ? 0 : versions[count - 1].number, count)
  }
  const errno = putBack(file, region, versions[at], true)
  return errno != 0 ? errno : putBack(file, region, versions[at], false)
}

function versionAt(region: Region, fileVersion: u64): Version | null {
  let found: Version | null = null
  for (let i = 0; i < region.versions.length && region.versions[i].fileVersion <= fileVersion; i++)
    found = region.versions[i]
  return found
}

export function restoreAll(file: DataFile, wanted: i32): i32 {
  const known = file.fileVersions
  let first = 0
  while (first < known.length && known[first] < file.firstVersion) first++
  const count = known.length - first
  let at = fromNewest(wanted, count)
  for (let i = 0; wanted > 0 && i < count; i++) if (known[first + i] == <u64>wanted) at = i
  if (at < 0) return noVersion('The checkpoint file', wanted, count == 0 ? 0 : known[first], count == 0 ? 0 : known[known.length - 1], count)
  const version = known[first + at]
  for (let turn = 0; turn < 2; turn++) {
    for (let i = 0; i < file.regions.length; i++) {
      const region = file.regions[i]
      if (!region.registered) continue
      const found = versionAt(region, version)
      if (found == null) return fail(ERANGE, `The region ${region.name} had not been saved by version ${version}.`)
      const errno = putBack(file, region, found, turn == 0)
      if (errno != 0) return errno
    }
  }
  return 0
}
