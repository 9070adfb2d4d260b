/**
 * Records in guest memory, little-endian: where each field lies. A record that `wasi_unstable` lays out differently has a
 * second row (WASI preview1 and snapshot 0 witx).
 */

export type FieldType = 'u8' | 'u16' | 'u32' | 'u64'

export interface Field {
  readonly name: string
  readonly offset: number
  readonly type: FieldType
}

export interface Layout {
  /** Bytes, padding included. */
  readonly size: number
  readonly fields: readonly Field[]
}

const layout = (size: number, ...fields: readonly (readonly [string, number, FieldType])[]): Layout => ({
  size,
  fields: fields.map(([name, offset, type]) => ({ name, offset, type })),
})

export const fdstat = layout(
  24,
  ['filetype', 0, 'u8'],
  ['flags', 2, 'u16'],
  ['rights_base', 8, 'u64'],
  ['rights_inheriting', 16, 'u64'],
)

export const filestat = layout(
  64,
  ['dev', 0, 'u64'],
  ['ino', 8, 'u64'],
  ['filetype', 16, 'u8'],
  ['nlink', 24, 'u64'],
  ['size', 32, 'u64'],
  ['atim', 40, 'u64'],
  ['mtim', 48, 'u64'],
  ['ctim', 56, 'u64'],
)

export const filestatUnstable = layout(
  56,
  ['dev', 0, 'u64'],
  ['ino', 8, 'u64'],
  ['filetype', 16, 'u8'],
  ['nlink', 20, 'u32'],
  ['size', 24, 'u64'],
  ['atim', 32, 'u64'],
  ['mtim', 40, 'u64'],
  ['ctim', 48, 'u64'],
)

export const prestat = layout(8, ['tag', 0, 'u8'], ['name_len', 4, 'u32'])

export const dirent = layout(24, ['next', 0, 'u64'], ['ino', 8, 'u64'], ['name_len', 16, 'u32'], ['filetype', 20, 'u8'])

export const iovec = layout(8, ['buf', 0, 'u32'], ['len', 4, 'u32'])

/** Fields of both variants, clock and file descriptor, by their offsets; `tag` says which ones hold. */
export const subscription = layout(
  48,
  ['userdata', 0, 'u64'],
  ['tag', 8, 'u8'],
  ['clock_id', 16, 'u32'],
  ['timeout', 24, 'u64'],
  ['precision', 32, 'u64'],
  ['clock_flags', 40, 'u16'],
  ['fd', 16, 'u32'],
)

export const subscriptionUnstable = layout(
  56,
  ['userdata', 0, 'u64'],
  ['tag', 8, 'u8'],
  ['identifier', 16, 'u64'],
  ['clock_id', 24, 'u32'],
  ['timeout', 32, 'u64'],
  ['precision', 40, 'u64'],
  ['clock_flags', 48, 'u16'],
  ['fd', 16, 'u32'],
)

export const event = layout(
  32,
  ['userdata', 0, 'u64'],
  ['error', 8, 'u16'],
  ['type', 10, 'u8'],
  ['nbytes', 16, 'u64'],
  ['rw_flags', 24, 'u16'],
)
