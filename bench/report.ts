import { type Sample, sampleOf } from './statistics.ts'

/** One figure that is held against a target. */
export interface Verdict {
  readonly what: string
  readonly value: string
  readonly target: string
  readonly isMet: boolean
  /** Required by habit where the target is missed: why. */
  readonly note?: string
}

/** The outcome of one row of the benchmark. */
export interface Section {
  readonly row: string
  readonly title: string
  /** How it was measured. */
  readonly method: string
  readonly head: readonly string[]
  readonly lines: readonly (readonly string[])[]
  readonly verdicts: readonly Verdict[]
  /** What is missing, and why. */
  readonly remarks: readonly string[]
}

const digits = (value: number): number => (value >= 100 ? 0 : value >= 10 ? 1 : 2)

/** 12.3 [11.9-14.0] */
export function spread(sample: Sample, unit = ''): string {
  const fixed = (value: number) => value.toFixed(digits(sample.median))
  const range = sample.count > 1 ? ` [${fixed(sample.min)}–${fixed(sample.max)}]` : ''
  return `${fixed(sample.median)}${unit}${range}`
}

export const shown = (values: readonly number[], unit = ''): string => spread(sampleOf(values), unit)

export const atMost = (what: string, values: readonly number[], limit: number, unit: string): Verdict => {
  const sample = sampleOf(values)
  return { what, value: spread(sample, unit), target: `≤ ${limit}${unit}`, isMet: sample.median <= limit }
}

export const atLeast = (what: string, values: readonly number[], limit: number, unit: string): Verdict => {
  const sample = sampleOf(values)
  return { what, value: spread(sample, unit), target: `≥ ${limit}${unit}`, isMet: sample.median >= limit }
}
