/**
 * Where the marks of a timeline stand. Checkpoints stand at the numbers of the calls they were taken before, as far as
 * there is room: each has at least `gap` pixels for itself. Runs (a session that went on from an older version) are rows.
 */
export interface MarkInput {
  readonly version: number
  readonly calls: number
  /** First digits of the identity of the run that took it. */
  readonly run: string
  readonly cause: string
  /** Bytes that it adds to the version before; undefined while that is not known. */
  readonly added?: number
}

export interface PlacedMark extends MarkInput {
  readonly x: number
  readonly y: number
  readonly radius: number
}

export interface Row {
  readonly run: string
  readonly y: number
  readonly from: number
  readonly to: number
  /** The mark of another row that it began at. */
  readonly origin?: { readonly x: number; readonly y: number }
}

export interface TimelineLayout {
  readonly width: number
  readonly height: number
  readonly marks: readonly PlacedMark[]
  readonly rows: readonly Row[]
  /** Place of any call. */
  readonly xOf: (call: number) => number
}

export interface TimelineSize {
  /** Pixels that there are; the result is wider where so many marks do not fit. */
  readonly width: number
  readonly gap: number
  readonly rowHeight: number
  readonly margin: number
  /** Calls that have been made. */
  readonly end: number
}

const leastRadius = 4
const mostRadius = 11
/** A checkpoint that adds so little is drawn with the least radius. */
const smallest = 16_384

/** Twice the bytes are one and a half pixels more. */
export function radiusOf(added: number | undefined): number {
  if (added === undefined || added <= smallest) return leastRadius + 1
  return Math.min(mostRadius, leastRadius + 1 + 0.7 * Math.log2(added / smallest))
}

export function layoutTimeline(inputs: readonly MarkInput[], size: TimelineSize): TimelineLayout {
  const { gap, margin, rowHeight } = size
  const marks = [...inputs].sort((a, b) => a.version - b.version)
  const places = placesOf(marks, size)
  const width = Math.max(size.width, (places.at(-1)?.x ?? 0) + margin)
  const xOf = interpolate(places)
  const runs = [...new Set(marks.map(({ run }) => run))]
  const y = (run: string) => margin + Math.max(0, runs.indexOf(run)) * rowHeight
  const placed = marks.map((mark) => ({ ...mark, x: xOf(mark.calls), y: y(mark.run), radius: radiusOf(mark.added) }))
  const spread = spreadEqual(placed, gap / 2)
  return {
    width,
    height: y(runs.at(-1) ?? '') + margin,
    marks: spread,
    rows: runs.map((run, index) => rowOf(run, index === runs.length - 1, spread, xOf(size.end), y(run))),
    xOf,
  }
}

interface Place {
  readonly call: number
  readonly x: number
}

/** The calls that have a place of their own, ascending, from 0 to the end. */
function placesOf(marks: readonly MarkInput[], { width, gap, margin, end }: TimelineSize): readonly Place[] {
  const calls = [...new Set([0, ...marks.map((mark) => mark.calls), Math.max(end, ...marks.map((mark) => mark.calls))])]
  calls.sort((a, b) => a - b)
  const last = calls.at(-1)!
  const right = Math.max(width - margin, margin + gap * (calls.length - 1))
  const xs = calls.map((call) => margin + (last === 0 ? 0 : (call / last) * (right - margin)))
  for (let i = 1; i < xs.length; i++) xs[i] = Math.max(xs[i]!, xs[i - 1]! + gap)
  for (let i = xs.length - 1; i >= 0; i--) {
    xs[i] = Math.min(xs[i]!, i === xs.length - 1 ? right : xs[i + 1]! - gap)
  }
  return calls.map((call, i) => ({ call, x: xs[i]! }))
}

function interpolate(places: readonly Place[]): (call: number) => number {
  return (call) => {
    const next = places.findIndex((place) => place.call >= call)
    const after = places[next]
    if (after === undefined) return places.at(-1)?.x ?? 0
    const before = places[next - 1]
    if (before === undefined || after.call === call) return after.x
    return before.x + ((call - before.call) / (after.call - before.call)) * (after.x - before.x)
  }
}

/** Marks of one row at one call, as where nothing happened between two checkpoints, stand beside each other. */
function spreadEqual(marks: readonly PlacedMark[], step: number): readonly PlacedMark[] {
  const seen = new Map<string, number>()
  return marks.map((mark) => {
    const key = `${mark.run}:${mark.calls}`
    const count = seen.get(key) ?? 0
    seen.set(key, count + 1)
    return count === 0 ? mark : { ...mark, x: mark.x + count * step }
  })
}

function rowOf(run: string, isNewest: boolean, marks: readonly PlacedMark[], end: number, y: number): Row {
  const own = marks.filter((mark) => mark.run === run)
  const [first] = own
  const from = Math.min(...own.map(({ x }) => x))
  const to = Math.max(...own.map(({ x }) => x), isNewest ? end : 0)
  const origin =
    first && marks.findLast((mark) => mark.run !== run && mark.version < first.version && mark.calls <= first.calls)
  const begins = first === undefined || origin === undefined ? 0 : from
  return { run, y, from: begins, to, ...(origin && { origin: { x: origin.x, y: origin.y } }) }
}
