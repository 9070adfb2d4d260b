import type { Payload } from './chunks.ts'
import type { LoggedFunction, WordPlan } from './functions.ts'

/** A function of a log that is read, with the words of its latest record: parameters, outcome, results. */
export interface LogFunction {
  readonly number: number
  readonly shape: LoggedFunction
  readonly plan: WordPlan
  readonly words: Int32Array
}

interface Common {
  /** Number of the call in the session. */
  readonly call: number
  readonly thread: number
  /** Bytes that the record takes in its block, payloads and note included. */
  readonly size: number
  /** What whoever made the call has noted for a replay; empty where that is nothing. */
  readonly note: Payload
}

/** One record. A reader has one object, which the next record overwrites: what is to be kept must be copied. */
export type LogRecord =
  | (Common & {
      /** A finished call; an effect that is about to be made; the result of the effect. */
      readonly kind: 'call' | 'intent' | 'result'
      readonly fn: LogFunction
      /** Bytes that the guest gave; empty in results. */
      readonly input: Payload
      /** Bytes that the host wrote into memory; empty in intents. */
      readonly output: Payload
    })
  /** The intent ended the program. */
  | (Common & { readonly kind: 'exit'; readonly fn: LogFunction; readonly code: number })
  /** The intent ended by an exception of the host. */
  | (Common & { readonly kind: 'threw'; readonly fn: LogFunction; readonly message: string })
  /** The intent gave way to a checkpoint; the call was made again under the same number. */
  | (Common & { readonly kind: 'abandoned'; readonly fn: LogFunction })

/** How a log ended. */
export type LogTail =
  | { readonly kind: 'complete' }
  /** Bytes from `offset` were not written whole and were dropped, with at least so many records. */
  | { readonly kind: 'torn'; readonly offset: number; readonly bytes: number; readonly records: number | undefined }
