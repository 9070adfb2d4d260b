import { StasisError } from '../../../wasm-shim/errors.ts'
import { pageSize } from '../../image/pages.ts'
import { type Crc32, damaged, dataHeaderSize, dataMagic, formatVersion, indexHeaderSize, indexMagic } from './layout.ts'

export interface DataHeader {
  /** The first version of the file that can be restored. Records before it only keep regions that were not saved since. */
  readonly firstVersion: number
  readonly checksum: number
}

export function encodeDataHeader(firstVersion: number, crc32: Crc32): Uint8Array {
  const bytes = new Uint8Array(dataHeaderSize)
  const view = new DataView(bytes.buffer)
  bytes.set(dataMagic)
  view.setUint32(8, formatVersion, true)
  view.setUint32(12, pageSize, true)
  view.setBigUint64(16, BigInt(firstVersion), true)
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true)
  return bytes
}

/** Throws STASIS_CKP_FOREIGN, STASIS_CKP_VERSION or STASIS_CKP_DAMAGED. */
export function decodeDataHeader(bytes: Uint8Array, crc32: Crc32): DataHeader {
  if (!startsWith(bytes, dataMagic)) {
    throw new StasisError('STASIS_CKP_FOREIGN', 'This is no checkpoint file: it does not begin as one. Check its name.')
  }
  if (bytes.length < dataHeaderSize) throw damaged('it ends inside its header', bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, dataHeaderSize)
  const version = view.getUint32(8, true)
  if (version !== formatVersion) {
    throw new StasisError(
      'STASIS_CKP_VERSION',
      `The checkpoint file has format version ${version}, and this build of Stasis reads ${formatVersion}. Use a newer one.`,
      { version, supported: formatVersion },
    )
  }
  const checksum = view.getUint32(28, true)
  if (checksum !== crc32(bytes.subarray(0, 28))) throw damaged('the checksum of its header is wrong', 28)
  if (view.getUint32(12, true) !== pageSize) throw damaged(`it has pages of ${view.getUint32(12, true)} bytes`, 12)
  if (view.getUint32(24, true) !== 0) throw damaged('a reserved field is not 0', 24)
  const firstVersion = Number(view.getBigUint64(16, true))
  if (!Number.isSafeInteger(firstVersion) || firstVersion === 0) throw damaged('its first version is impossible', 16)
  return { firstVersion, checksum }
}

/** Whether a file was not finished being created: shorter than a header, and the beginning of one. */
export function isBegun(bytes: Uint8Array): boolean {
  return bytes.length < dataHeaderSize && bytes.every((byte, at) => at >= dataMagic.length || byte === dataMagic[at])
}

/** `of` is the checksum of the data file's header. */
export function encodeIndexHeader(of: number): Uint8Array {
  const bytes = new Uint8Array(indexHeaderSize)
  const view = new DataView(bytes.buffer)
  bytes.set(indexMagic)
  view.setUint32(8, formatVersion, true)
  view.setUint32(12, of, true)
  return bytes
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, at) => bytes[at] === byte)
}
