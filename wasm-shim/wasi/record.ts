import type { Result } from './abi.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { Layout } from './layout.ts'

/** A u64 from a number below 2^53, without making a bigint. */
export function setNumber64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true)
  view.setUint32(at + 4, value / 0x1_0000_0000, true)
}

/** Bytes of the scalars in memory. */
const widths = { u8: 1, u16: 2, u32: 4, u64: 8 } as const

export const sizeOf = (result: Result): number => (result.kind === 'scalar' ? widths[result.type] : result.layout.size)

export const writers: Readonly<
  Record<keyof typeof widths, (view: DataView, at: number, value: number | bigint) => void>
> = {
  u8: (view, at, value) => view.setUint8(at, Number(value)),
  u16: (view, at, value) => view.setUint16(at, Number(value), true),
  u32: (view, at, value) => view.setUint32(at, Number(value), true),
  u64: (view, at, value) =>
    typeof value === 'number' ? setNumber64(view, at, value) : view.setBigUint64(at, value, true),
}

export type RecordValue = Readonly<Record<string, number | bigint>>

/** Writes a record into memory that is known to hold it, padding zeroed. */
export function writeRecord(memory: GuestMemory, at: number, layout: Layout, value: RecordValue): void {
  memory.bytes.fill(0, at, at + layout.size)
  for (const { name, offset, type } of layout.fields) {
    const field = value[name] ?? 0
    if (typeof field === 'bigint' && type === 'u64') memory.setU64(at + offset, field)
    else writers[type](memory.view, at + offset, field)
  }
}

export function readRecord({ view }: GuestMemory, at: number, layout: Layout): Record<string, number | bigint> {
  const read = {
    u8: (p: number) => view.getUint8(p),
    u16: (p: number) => view.getUint16(p, true),
    u32: (p: number) => view.getUint32(p, true),
    u64: (p: number) => view.getBigUint64(p, true),
  }
  return Object.fromEntries(layout.fields.map((field) => [field.name, read[field.type](at + field.offset)]))
}
