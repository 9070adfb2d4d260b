/**
 * Input that was taken from a person and that the newest checkpoint may not carry, as `sessions/<name>/typed.cbor`: one
 * deterministic CBOR map. Bytes are counted from the first one that the run was given. A mark tells how many the program had
 * read where a checkpoint stands, so that what the log says it has read since is not given twice.
 */
import { decode, encode } from 'cborg'
import { bytes, list, natural, record, text } from '../../wasm-shim/wasi/shapes.ts'
import { sessionFolder } from './session-log.ts'
import type { Store } from './store.ts'

export interface TypedInput {
  /** Identity of the run, a UUID. */
  readonly id: string
  /** How many bytes came before the first one of `bytes`. */
  readonly from: number
  readonly bytes: Uint8Array
  /** Of the last checkpoints, the newest last. */
  readonly marks: readonly InputMark[]
}

export interface InputMark {
  /** Calls that the program had made. */
  readonly calls: number
  /** Bytes that it had read. */
  readonly read: number
}

const format = 1
const anyNumber = natural(Number.MAX_SAFE_INTEGER)

const shape = record<TypedInput & { format: number }>({
  format: natural(format),
  id: text,
  from: anyNumber,
  bytes,
  marks: list(record<InputMark>({ calls: anyNumber, read: anyNumber })),
})

export const typedBlob = (session: string): string => `${sessionFolder(session)}typed.cbor`

export async function saveTyped(store: Store, session: string, typed: TypedInput): Promise<void> {
  await store.put(typedBlob(session), [encode({ format, ...typed })])
}

/** undefined where there is none, or none that can be used: what was typed ahead is lost then, and nothing else. */
export async function loadTyped(store: Store, session: string): Promise<TypedInput | undefined> {
  const blob = await store.get(typedBlob(session))
  if (blob === undefined) return undefined
  try {
    const { format: _, ...typed } = shape(decode(blob, { rejectDuplicateMapKeys: true }), 'typed')
    return typed
  } catch {
    return undefined
  }
}

/**
 * What was typed behind a checkpoint with so many `calls`, which carries `carried` bytes of input that were not read yet;
 * undefined where that is not known.
 */
export function typedBehind(
  { from, bytes, marks }: TypedInput,
  calls: number,
  carried: number,
): Uint8Array | undefined {
  const mark = marks.findLast((mark) => mark.calls === calls)
  if (mark === undefined || mark.read + carried < from) return undefined
  return bytes.subarray(Math.min(mark.read + carried - from, bytes.length))
}
