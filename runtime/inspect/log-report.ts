import { LogReader } from '../log/reader.ts'
import { type LogSegment, listSegments, readPieces } from '../store/session-log.ts'
import type { Store } from '../store/store.ts'
import { formatSize, plural } from './format.ts'

/** What `stasis inspect NAME` says of a session's call log. */
export interface LogReport {
  readonly segments: number
  readonly bytes: number
  /** Number of the first call that it still has, and of the first one that it does not have yet. */
  readonly from: number
  readonly to: number
  /** What came after the checkpoint, and is done again by a restore. */
  readonly tail: {
    readonly calls: number
    readonly bytes: number
    /** Milliseconds that the program took for it, which a replay does not exceed; null where that is not known. */
    readonly milliseconds: number | null
  }
}

/**
 * `id`: the run's identity; `calls`, `time`: of the checkpoint or the beginning, from which a restore would roll forward.
 * undefined where there is no log.
 */
export async function reportLog(
  store: Store,
  session: string,
  { id, calls, time }: { readonly id: string; readonly calls: number; readonly time: number },
): Promise<LogReport | undefined> {
  const own = (await listSegments(store, session)).filter(({ run }) => run === id.slice(0, 8))
  const tail = own.filter(({ firstCall }) => firstCall >= calls)
  const [first] = own
  if (first === undefined) return undefined
  const last = own.at(-1)!
  const to = Math.max(calls, await reach(store, last))
  const { modified } = tail.at(-1) ?? {}
  return {
    segments: own.length,
    bytes: sum(own),
    from: first.firstCall,
    to,
    tail: {
      calls: tail.length === 0 ? 0 : to - calls,
      bytes: sum(tail),
      milliseconds: modified === undefined ? null : Math.max(0, modified - time),
    },
  }
}

const sum = (segments: readonly LogSegment[]): number => segments.reduce((bytes, { size }) => bytes + size, 0)

/** Number of the first call that is not in a segment. */
async function reach(store: Store, { blob, firstCall }: LogSegment): Promise<number> {
  const reader = new LogReader()
  try {
    for await (const piece of readPieces(store, blob)) {
      reader.feed(piece)
      while (reader.next() !== undefined);
    }
  } catch {
    // What is damaged ends it; a restore says what is lost.
  }
  return reader.header === undefined ? firstCall : reader.resumePoint().calls
}

/** Lines for people: label and text. */
export function describeLog({ segments, bytes, from, to, tail }: LogReport): readonly (readonly [string, string])[] {
  const number = (call: number) => call.toLocaleString('en-US')
  const kept = `calls ${number(from)} to ${number(to)}, ${formatSize(bytes)} in ${plural(segments, 'piece')}`
  if (tail.calls === 0) return [['log', kept]]
  const limit = tail.milliseconds === null ? '' : `, in at most ${formatSeconds(tail.milliseconds)}`
  const again = `${plural(tail.calls, 'call')} after it (${formatSize(tail.bytes)}), done again by a restore${limit}`
  return [
    ['log', kept],
    ['tail', again],
  ]
}

const formatSeconds = (milliseconds: number): string =>
  milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`
