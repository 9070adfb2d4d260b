/**
 * The call log's binary format (docs/format.md): a header, then frames. A frame is a LEB128 of length * 4 + type, the
 * payload, and a CRC-32 of both. Frames of calls are a chain: each checksum starts from the one before, and a restart
 * frame begins anew, so that a reader can start there.
 */
import { hex } from '../../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { ValType } from '../../wasm-shim/module/model.ts'

export const magic: Uint8Array = Uint8Array.of(0x89, 0x53, 0x54, 0x41, 0x53, 0x4c, 0x4f, 0x47)
export const formatVersion = 1
export const headerSize = 48

/** What the recorder did differently; a reader refuses bits that it does not know. */
export const Quirk = {
  /** Bytes that the guest wrote (fd_write, fd_pwrite, sock_send) are in the log, not only their addresses. */
  writtenBytes: 1,
} as const
export const knownQuirks: number = Quirk.writtenBytes

/** 0 is no type: a tail of zeros, as power loss leaves it, is no frame. */
export const FrameType = { functions: 1, calls: 2, restart: 3 } as const

/** The low two bits of a record's first number; the others are the function's, or which `Mark` it is. */
export const RecordKind = { call: 0, intent: 1, result: 2, mark: 3 } as const

export const Mark = {
  /** The records that follow are of another thread. */
  thread: 0,
  /** The open intent ended the program; then the exit code. */
  exit: 1,
  /** The open intent ended by an exception of the host; then a text. */
  threw: 2,
  /** The open intent gave way to a checkpoint, having done nothing: it will be made again. */
  abandoned: 3,
  /** Before the record that it belongs to: a payload that whoever made the call wants back in a replay. */
  note: 4,
} as const

/** A reader refuses longer frames before it allocates anything. A payload of 4 GiB in chunks takes a quarter of it. */
export const maxFrame: number = (1 << 21) - 1
/** The largest block a writer is asked for: with one record behind it that takes all it may, it stays below maxFrame. */
export const maxBlock: number = 1 << 18
/** Bytes around a frame's payload: length, checksum. */
export const frameHead = 4
export const frameTail = 4
/** Bytes a chunk holds, but for the last one of a payload. */
export const chunkSize: number = 1 << 18
export const addressSize = 32
/** Payloads above this many bytes never stand in the log itself. */
export const maxInline: number = 1 << 18
export const maxFunctions = 65_536
/** 32-bit words of one call: parameters, outcome, results. */
export const maxWords = 4096
/** Words that one change mask covers, so that it fits four bytes of LEB128. */
export const maskWords = 28

/** Words of a value; a reference has none: only the host knows what it refers to. */
export function wordsOf(type: ValType): number {
  switch (type) {
    case ValType.i32:
    case ValType.f32:
      return 1
    case ValType.i64:
    case ValType.f64:
      return 2
    default:
      return 0
  }
}

/** `message` is a clause without full stop. */
export function damaged(message: string, offset: number): StasisError {
  return new StasisError(
    'STASIS_LOG_DAMAGED',
    `The call log is damaged at byte ${offset}: ${message}. What comes before is intact and was delivered.`,
    { offset },
  )
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The 16 bytes of a session's identity. Throws STASIS_LOG_SESSION. */
export function sessionBytes(id: string): Uint8Array {
  if (!uuid.test(id)) {
    throw new StasisError('STASIS_LOG_SESSION', `A session's identity is a UUID, and "${id}" is none.`, { id })
  }
  const digits = id.replaceAll('-', '')
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16))
}

export function sessionText(bytes: Uint8Array): string {
  const digits = hex(bytes)
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  )
}
