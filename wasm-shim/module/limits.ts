import type { ByteReader } from '../bytes/reader.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import type { Limits } from './model.ts'

/** Bits of the flags byte: core spec 5.3.10, threads, memory64, custom page sizes. */
const hasMax = 0x01
const isShared = 0x02
const is64Bit = 0x04
const hasPageSize = 0x08

export function readLimits(reader: ByteReader): Limits {
  const at = reader.pos
  const flags = reader.u8()
  if (flags > (hasMax | isShared | is64Bit | hasPageSize)) reader.fail(`the limits flags ${flags} are unknown`, at)
  const is64 = (flags & is64Bit) !== 0
  const min = is64 ? reader.u64() : reader.u32()
  const max = flags & hasMax ? (is64 ? reader.u64() : reader.u32()) : undefined
  if (max !== undefined && max < min) reader.fail(`the maximum ${max} is below the minimum ${min}`, at)
  const pageSizeLog2 = flags & hasPageSize ? reader.u32() : undefined
  if (pageSizeLog2 !== undefined && pageSizeLog2 > 16) reader.fail('the page size is larger than 64 KiB', at)
  return {
    min,
    ...(max !== undefined && { max }),
    shared: (flags & isShared) !== 0,
    is64,
    ...(pageSizeLog2 !== undefined && { pageSizeLog2 }),
  }
}

export function writeLimits(out: ByteWriter, limits: Limits): void {
  const { min, max, pageSizeLog2 } = limits
  out.u8(
    (max !== undefined ? hasMax : 0) |
      (limits.shared ? isShared : 0) |
      (limits.is64 ? is64Bit : 0) |
      (pageSizeLog2 !== undefined ? hasPageSize : 0),
  )
  const write = (value: number) => (limits.is64 ? out.u64(value) : out.u32(value))
  write(min)
  if (max !== undefined) write(max)
  if (pageSizeLog2 !== undefined) out.u32(pageSizeLog2)
}
