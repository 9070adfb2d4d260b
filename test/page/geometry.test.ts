import { expect, test } from 'vitest'
import { layoutTimeline, type MarkInput, radiusOf } from '../../host-browser/page/timeline/geometry.ts'

const size = { width: 600, gap: 30, rowHeight: 40, margin: 20, end: 1000 }
const mark = (version: number, calls: number, run = 'a', added?: number): MarkInput => ({
  version,
  calls,
  run,
  cause: 'request',
  ...(added !== undefined && { added }),
})

test('marks stand at their calls where there is room', () => {
  const { marks, width, xOf } = layoutTimeline([mark(1, 250), mark(2, 500)], size)
  expect(marks.map(({ x }) => x)).toEqual([160, 300])
  expect([xOf(0), xOf(1000), width]).toEqual([20, 580, 600])
  expect(xOf(375)).toBe(230)
})

test('marks that are close have their gap, and calls between keep their order', () => {
  const { marks, xOf } = layoutTimeline([mark(1, 990), mark(2, 991), mark(3, 992)], size)
  const xs = marks.map(({ x }) => x)
  expect(xs[1]! - xs[0]!).toBeGreaterThanOrEqual(30)
  expect(xs[2]! - xs[1]!).toBeGreaterThanOrEqual(30)
  expect(xs.every((x) => x >= 20 && x <= 580)).toBe(true)
  const calls = [0, 100, 500, 990, 990.5, 991, 992, 1000].map(xOf)
  expect([...calls].sort((a, b) => a - b)).toEqual(calls)
})

test('marks that are close at the beginning have their gap, and stay inside', () => {
  const { marks } = layoutTimeline([mark(1, 1), mark(2, 2), mark(3, 3)], size)
  expect(marks.map(({ x }) => x)).toEqual([50, 80, 110])
})

test('so many marks that they do not fit make the timeline wider', () => {
  const marks = Array.from({ length: 60 }, (_, i) => mark(i + 1, i * 3))
  const layout = layoutTimeline(marks, { ...size, end: 180 })
  expect(layout.width).toBeGreaterThan(60 * 30)
  const xs = layout.marks.map(({ x }) => x)
  expect(xs.every((x, i) => i === 0 || x - xs[i - 1]! >= 30 - 1e-9)).toBe(true)
})

test('a run that went on from an older version is a row of its own and begins at that version', () => {
  const { marks, rows, height } = layoutTimeline(
    [mark(1, 100), mark(2, 400), mark(3, 100, 'b'), mark(4, 300, 'b')],
    size,
  )
  expect(rows.map(({ run, y }) => [run, y])).toEqual([
    ['a', 20],
    ['b', 60],
  ])
  expect(rows[1]!.origin).toEqual({ x: marks[0]!.x, y: 20 })
  expect(height).toBe(80)
})

test('two checkpoints before the same call are seen both', () => {
  const { marks } = layoutTimeline([mark(1, 100), mark(2, 100)], size)
  expect(marks[1]!.x).toBeGreaterThan(marks[0]!.x)
})

test('a session without checkpoints has a place all the same', () => {
  const { marks, width, height, xOf } = layoutTimeline([], { ...size, end: 0 })
  expect([marks.length, width, height, xOf(0)]).toEqual([0, 600, 40, 20])
})

test('marks grow with the bytes that they add, within bounds', () => {
  expect(radiusOf(0)).toBe(radiusOf(undefined))
  expect(radiusOf(1 << 20)).toBeGreaterThan(radiusOf(1 << 18))
  expect(radiusOf(2 ** 40)).toBeLessThanOrEqual(11)
})
