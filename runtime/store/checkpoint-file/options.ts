import { StasisError } from '../../../wasm-shim/errors.ts'
import { checkCodec, type PageCodec } from '../../codec/compression.ts'
import type { Catalog } from './catalog.ts'
import { maxNoteBytes } from './layout.ts'

export interface CheckpointFileOptions {
  /** How pages are kept: as they are (default), or compressed. STASIS_CODEC where the host cannot write it so. */
  readonly codec?: PageCodec
  /** Return from a save when it is on the disk, and not only with the operating system. Default false. */
  readonly durable?: boolean
}

export interface SaveOptions {
  /** Bytes kept with the version, at most 1 MiB: a label, a manifest. */
  readonly note?: Uint8Array
}

/** One save. */
export interface FileVersion {
  /** From 1; stays when older ones are removed. */
  readonly version: number
  /** Milliseconds since the Unix epoch; 0 where it is not known. */
  readonly time: number
  /** Bytes that it added to the data file. */
  readonly size: number
  readonly regions: readonly RegionVersion[]
  readonly note: Uint8Array
}

export interface RegionVersion {
  readonly name: string
  /** From 1, for each region by itself. */
  readonly version: number
  /** Bytes. */
  readonly length: number
}

export function checkOptions(options: CheckpointFileOptions): void {
  const unknown = Object.keys(options).find((key) => key !== 'codec' && key !== 'durable')
  if (unknown !== undefined) throw badOption(unknown, 'is unknown')
  if (options.codec !== undefined) checkCodec(options.codec)
}

export function checkKeep(keep: number): void {
  if (!Number.isSafeInteger(keep) || keep < 1) throw badOption('keep', 'is a number of versions from 1 on')
}

export function checkNote(note: Uint8Array): void {
  if (note.length > maxNoteBytes) throw badOption('note', `has at most ${maxNoteBytes} bytes`)
}

function badOption(name: string, what: string): StasisError {
  return new StasisError('STASIS_CKP_OPTION', `The option ${name} of a checkpoint file ${what}.`, { name })
}

/** Those that can be restored, oldest first. */
export function describeVersions(catalog: Catalog): FileVersion[] {
  return catalog.saves().map(({ head }) => ({
    version: head.version,
    time: head.time,
    size: head.headLength + head.payloadLength,
    regions: head.regions.map(({ name, version, length }) => ({ name, version, length })),
    note: head.note.slice(),
  }))
}
