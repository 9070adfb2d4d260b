import { hex } from '../../wasm-shim/bytes/arrays.ts'
import {
  errnoName,
  errnoOf,
  type PlainNumber,
  type PlainResult,
  paramValues,
  resultValues,
  subjectOf,
} from './call-values.ts'
import type { CallView, Ending } from './call-view.ts'
import type { LoggedCall } from './join-calls.ts'

/** Bytes of a payload that are told. */
const told = 256

/** A call as plain data for JSON (docs/log-views.md). 64-bit numbers are decimal texts. */
export interface CallJson {
  readonly type: 'call'
  readonly call: number
  readonly thread: number
  readonly module: string
  readonly name: string
  readonly params: Readonly<Record<string, PlainNumber>>
  readonly strings: Readonly<Record<string, string>>
  /** `unfinished`: the log ends, or the program was killed, before the call did. */
  readonly ending: 'returned' | 'exit' | 'threw' | 'unfinished'
  /** By name, ESUCCESS included; null where the function returns none or did not return. */
  readonly errno: string | null
  readonly results: Readonly<Record<string, PlainResult>>
  /** How it ended, where it did not return. */
  readonly exitCode?: number
  readonly message?: string
  /** Bytes that the guest gave and that the host wrote, and in hexadecimal the first 256 of them. */
  readonly input: PayloadJson
  readonly output: PayloadJson
  /** Bytes that the call takes in the log, payloads in it included. */
  readonly logged: number
}

export interface PayloadJson {
  readonly length: number
  readonly hex: string
}

export function callToJson({ call, thread, size, view }: LoggedCall): CallJson {
  const errno = errnoOf(view)
  return {
    type: 'call',
    call,
    thread,
    module: view.shape.module,
    name: view.shape.name,
    params: paramValues(view),
    strings: Object.fromEntries(subjectOf(view).strings),
    ...ending(view.ending),
    errno: errno === undefined ? null : errnoName(errno),
    results: resultValues(view),
    input: payload(view.input, view.inputLength),
    output: payload(view.output, view.outputLength),
    logged: size,
  }
}

function ending(end: Ending): Pick<CallJson, 'ending' | 'exitCode' | 'message'> {
  switch (end.kind) {
    case 'returned':
      return { ending: 'returned' }
    case 'exit':
      return { ending: 'exit', exitCode: end.code }
    case 'threw':
      return { ending: 'threw', message: end.message }
    default:
      return { ending: 'unfinished' }
  }
}

const payload = (bytes: CallView['input'], length: number): PayloadJson => ({
  length,
  hex: hex(bytes.subarray(0, told)),
})
