/**
 * The protocol between two stores, version 1 (docs/protocol.md).
 *
 * - A frame is one message: a CBOR map in deterministic encoding, `kind` and that kind's fields, all of them, no others.
 * - Lists and maps have definite lengths; numbers are integers; nothing follows the map; a frame has at most 1 MiB.
 * - Whoever receives a frame that is not as this page says answers `error` and closes. Nothing is guessed.
 * - Names of sessions and blobs are checked by the decoder: a name that it lets through is no path out of the store.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../../wasm-shim/errors.ts'
import { bytes, flag, list, natural, one, record, type Shape, ShapeError, text } from '../../wasm-shim/wasi/shapes.ts'
import {
  contentPlaces,
  type FilesWay,
  fates,
  filesWays,
  type MountFate,
  type MountToMove,
  mountKinds,
} from './mount-fates.ts'

export const protocolVersion = 1
/** Bytes of a frame. Of it `data` may fill all but what its head takes. */
export const maxFrame: number = 1 << 20
/** Bytes of a blob that one `data` carries, before it is compressed. */
export const maxPiece: number = 1 << 18
/** Blobs that one `inventory` or `have` names: 200 bytes each stay below maxFrame. */
export const maxListed = 4096
/** Blobs of a session: a payload of the log is a blob for each 256 KiB. */
export const maxBlobs = 1 << 18

export interface Blob {
  /** `@` stands for the session's folder: `@/start.cbor`; else `modules/<sha256>.wasm`. */
  readonly name: string
  readonly size: number
}

/** Fields by kind. c: by whoever connected; s: by the server; >: by the sender of a session; <: by its receiver. */
export interface Messages {
  /**
   * c, s: the first message of each side. `agent` is for people, but for words in parentheses at its end: what this side can do
   * beyond version 1 of the protocol. `zstd`: it reads the message of that name. Unknown words are passed over.
   */
  hello: { version: number; agent: string }
  /** c: I send `session`; there it is called `as`. `force`: also over what is there. */
  push: { session: string; as: string; line: string; epoch: number; force: boolean }
  /**
   * c: send me `session`. `take`: and the right to run it; `peer`: where it is then. `transfer`: of a hand-over that I have
   * `received`, to finish it; else empty. `start`: and I run it at once.
   */
  pull: { session: string; take: boolean; peer: string; transfer: string; start: boolean }
  /** s: to push: go on; to pull: I begin, and this is whose it is. */
  ready: { line: string; epoch: number }
  /**
   * >, c: these are its directories: what would become of them where you run it, with `files` as the way with files that
   * differ? Before it is stopped; of a client also without a transfer, to know.
   */
  ask: { session: string; files: FilesWay; mounts: readonly MountToMove[] }
  /** <, s: this, in the same order. It is run only where none is refused. */
  answer: { mounts: readonly MountFate[] }
  /** >: what the session consists of now. More follow while `more`. */
  inventory: { blobs: readonly Blob[]; more: boolean }
  /** <: what of that I have: the first `size` bytes, with this BLAKE3 digest. More follow while `more`. */
  have: { blobs: readonly (Blob & { digest: Uint8Array })[]; more: boolean }
  /** >: bytes of a blob from `at` on; `at` 0 begins it anew. */
  data: { name: string; at: number; deflated: boolean; bytes: Uint8Array }
  /** >: the same, compressed by Zstandard, `size` bytes before that. Only to a side that says that it reads them. */
  zstd: { name: string; at: number; size: number; bytes: Uint8Array }
  /** >: the blob is complete, and this is its digest. */
  end: { name: string; size: number; digest: Uint8Array }
  /** >: that was all of this round. */
  flush: Record<never, never>
  /** <: it is here, durable, and not in use. */
  stored: Record<never, never>
  /** >: make it a copy: put it in place, not to be run. `peer`: where it can be taken from; may be empty. */
  keep: { line: string; epoch: number; peer: string }
  /** <: done. */
  kept: Record<never, never>
  /** >: put it in place as a copy, and make it ready to go on behind what more will come of its log. May come again. */
  prepare: { line: string; epoch: number; peer: string }
  /** <: it is, and has done all that its log tells so far; or `reason` says why not, and a checkpoint is needed. */
  prepared: { ready: boolean; reason: string }
  /** >: put it in place, to be yours when I say so. `start`: and I shall want it to run, so say now if it cannot. */
  offer: { transfer: string; line: string; epoch: number; peer: string; start: boolean; files: FilesWay }
  /** <: it is in place, and does not run. */
  received: { transfer: string }
  /** >: I have let go: it is yours. `start`: and run it. Also as the first message of a new connection, to finish. */
  activate: { session: string; transfer: string; start: boolean; files: FilesWay }
  /** <: it is mine. `running`: and it runs; else `reason` says why not, where that was asked for. */
  active: { transfer: string; running: boolean; reason: string }
  /** c: run what you hold. */
  start: { session: string; files: FilesWay }
  /** s: it runs, or has run to its end here. */
  started: Record<never, never>
  /** c: show me the terminal of `session`. `write`: and let me type, if nobody else does. */
  attach: { session: string; write: boolean }
  /** s: here is what was on the screen. */
  attached: { writer: boolean; screen: Uint8Array }
  /** s: the program wrote. */
  output: { bytes: Uint8Array }
  /** c: the person typed. */
  input: { bytes: Uint8Array }
  /** c: no more input will come. */
  eof: Record<never, never>
  /** c: the size of the person's terminal. */
  resize: { columns: number; rows: number }
  /** s: the program runs no more, for this reason; `code` is its exit code, or 256. */
  over: { code: number; reason: string }
  /** Either: this cannot be done. The sender of it closes. */
  error: { code: string; message: string }
}

export type Kind = keyof Messages
export type Message = { [K in Kind]: { readonly kind: K } & Readonly<Messages[K]> }[Kind]
export type MessageOf<K extends Kind> = K extends Kind ? { readonly kind: K } & Readonly<Messages[K]> : never

const integer = natural(Number.MAX_SAFE_INTEGER)

const matching =
  (pattern: RegExp, what: string): Shape<string> =>
  (value, where) => {
    if (typeof value === 'string' && pattern.test(value)) return value
    throw new ShapeError(`${where} is not ${what}`)
  }

const short =
  (limit: number): Shape<string> =>
  (value, where) => {
    const given = text(value, where)
    if (given.length > limit) throw new ShapeError(`${where} has more than ${limit} characters`)
    return given
  }

const digest: Shape<Uint8Array> = (value, where) => {
  const given = bytes(value, where)
  if (given.length !== 32) throw new ShapeError(`${where} is not 32 bytes long`)
  return given
}

const session = matching(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/, 'the name of a session')
const uuid = matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a UUID')
const blobName = matching(
  /^(@(\/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){1,2}|modules\/[0-9a-f]{64}\.wasm)$/,
  "the name of a session's blob",
)
/** Shown to people, on terminals: without what those take for commands. */
const shown =
  (limit: number): Shape<string> =>
  (value, where) => {
    const given = short(limit)(value, where)
    if (/\p{Cc}/u.test(given)) throw new ShapeError(`${where} has control characters`)
    return given
  }
const peer = shown(1024)

const listed =
  <T>(shape: Shape<T>): Shape<T[]> =>
  (value, where) => {
    if (Array.isArray(value) && value.length > maxListed) throw new ShapeError(`${where} has more than ${maxListed}`)
    return list(shape)(value, where)
  }

/** Directories of a session, of which a frame holds this many. */
export const maxMounts = 256

const few =
  <T>(shape: Shape<T>): Shape<T[]> =>
  (value, where) => {
    if (Array.isArray(value) && value.length > maxMounts) throw new ShapeError(`${where} has more than ${maxMounts}`)
    return list(shape)(value, where)
  }

const files = one(filesWays)
const blob = { name: blobName, size: integer }
const nothing = record<Record<never, never>>({})

const shapes: { readonly [K in Kind]: Shape<Messages[K]> } = {
  hello: record<Messages['hello']>({ version: integer, agent: shown(256) }),
  push: record<Messages['push']>({ session, as: session, line: uuid, epoch: integer, force: flag }),
  pull: record<Messages['pull']>({
    session,
    take: flag,
    peer,
    transfer: (value, at) => (value === '' ? '' : uuid(value, at)),
    start: flag,
  }),
  ask: record<Messages['ask']>({
    session,
    files,
    mounts: few(record<MountToMove>({ guest: short(4096), kind: one(mountKinds), contents: one(contentPlaces) })),
  }),
  answer: record<Messages['answer']>({
    mounts: few(record<MountFate>({ guest: short(4096), fate: one(fates), because: shown(1024) })),
  }),
  ready: record<Messages['ready']>({ line: uuid, epoch: integer }),
  inventory: record<Messages['inventory']>({ blobs: listed(record<Blob>(blob)), more: flag }),
  have: record<Messages['have']>({
    blobs: listed(record<Blob & { digest: Uint8Array }>({ ...blob, digest })),
    more: flag,
  }),
  data: record<Messages['data']>({ name: blobName, at: integer, deflated: flag, bytes }),
  zstd: record<Messages['zstd']>({ name: blobName, at: integer, size: natural(maxPiece), bytes }),
  end: record<Messages['end']>({ ...blob, digest }),
  flush: nothing,
  stored: nothing,
  keep: record<Messages['keep']>({ line: uuid, epoch: integer, peer }),
  kept: nothing,
  prepare: record<Messages['prepare']>({ line: uuid, epoch: integer, peer }),
  prepared: record<Messages['prepared']>({ ready: flag, reason: short(4096) }),
  offer: record<Messages['offer']>({ transfer: uuid, line: uuid, epoch: integer, peer, start: flag, files }),
  received: record<Messages['received']>({ transfer: uuid }),
  activate: record<Messages['activate']>({ session, transfer: uuid, start: flag, files }),
  active: record<Messages['active']>({ transfer: uuid, running: flag, reason: short(4096) }),
  start: record<Messages['start']>({ session, files }),
  started: nothing,
  attach: record<Messages['attach']>({ session, write: flag }),
  attached: record<Messages['attached']>({ writer: flag, screen: bytes }),
  output: record<Messages['output']>({ bytes }),
  input: record<Messages['input']>({ bytes }),
  eof: nothing,
  resize: record<Messages['resize']>({ columns: natural(10_000), rows: natural(10_000) }),
  over: record<Messages['over']>({ code: natural(256), reason: short(4096) }),
  error: record<Messages['error']>({ code: matching(/^STASIS_[A-Z0-9_]{1,60}$/, 'a code'), message: short(16_384) }),
}

const kinds = Object.keys(shapes) as Kind[]

/** Bytes of a frame. What the decoder would refuse is never sent. */
export function encodeMessage(message: Message): Uint8Array {
  const frame = encode(message)
  if (frame.length > maxFrame) throw broken(`a message "${message.kind}" of ${frame.length} bytes was to be sent`)
  return frame
}

const strict = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
} as const

/** Throws STASIS_PROTOCOL. */
export function decodeMessage(frame: Uint8Array): Message {
  if (frame.length > maxFrame) throw broken(`a frame has ${frame.length} bytes, and at most ${maxFrame} are allowed`)
  try {
    const { kind: given, ...fields } = plainMap(decode(frame, strict))
    const kind = one(kinds)(given, 'kind')
    return { kind, ...shapes[kind](fields, kind) } as Message
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function plainMap(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)) {
    return value as Record<string, unknown>
  }
  throw new ShapeError('the frame is not a map')
}

export function broken(what: string, cause?: unknown): StasisError {
  const message = `The other side does not keep to the protocol: ${what}. Both sides should be of the same version of stasis.`
  return new StasisError('STASIS_PROTOCOL', message, {}, { cause })
}
