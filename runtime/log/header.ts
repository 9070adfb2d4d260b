import { StasisError } from '../../wasm-shim/errors.ts'
import { checksum } from './checksum.ts'
import { damaged, formatVersion, headerSize, knownQuirks, magic, sessionBytes, sessionText } from './layout.ts'

/** How a log begins. */
export interface LogHeader {
  /** The session's identity, a UUID. */
  readonly session: string
  /** Bits of `Quirk`. */
  readonly quirks: number
  /** Number of the log's first call in the session; above 0 where what came before was dropped. */
  readonly firstCall: number
}

export function encodeHeader({ session, quirks, firstCall }: LogHeader): Uint8Array {
  const bytes = new Uint8Array(headerSize)
  const view = new DataView(bytes.buffer)
  bytes.set(magic)
  view.setUint32(8, formatVersion, true)
  view.setUint32(12, quirks, true)
  bytes.set(sessionBytes(session), 16)
  view.setBigUint64(32, BigInt(firstCall), true)
  view.setUint32(44, checksum(bytes.subarray(0, 44)) >>> 0, true)
  return bytes
}

/** Throws STASIS_LOG_FOREIGN, STASIS_LOG_VERSION or STASIS_LOG_DAMAGED. `bytes` may be shorter than a header. */
export function decodeHeader(bytes: Uint8Array): LogHeader {
  for (let i = 0; i < magic.length && i < bytes.length; i++) {
    if (bytes[i] === magic[i]) continue
    throw new StasisError('STASIS_LOG_FOREIGN', 'This is no call log: it does not begin as one. Check the file name.')
  }
  if (bytes.length < headerSize) throw damaged(`it ends within the header of ${headerSize} bytes`, bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerSize)
  const version = view.getUint32(8, true)
  if (view.getUint32(44, true) !== checksum(bytes.subarray(0, 44)) >>> 0) {
    throw damaged('the checksum of the header is wrong', 0)
  }
  const quirks = view.getUint32(12, true)
  if (version !== formatVersion || (quirks & ~knownQuirks) !== 0) {
    throw new StasisError(
      'STASIS_LOG_VERSION',
      `The call log has format version ${version} with quirks ${quirks}, and this build reads version ${formatVersion}. Use the build that recorded it.`,
      { version, quirks, supported: formatVersion },
    )
  }
  const firstCall = view.getBigUint64(32, true)
  if (firstCall > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('the number of the first call is too large', 32)
  if (view.getUint32(40, true) !== 0) throw damaged('a reserved field is not zero', 40)
  return { session: sessionText(bytes.subarray(16, 32)), quirks, firstCall: Number(firstCall) }
}
