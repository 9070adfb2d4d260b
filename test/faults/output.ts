/** What one process showed on the terminal, and whether it said that the call it repeats may be seen twice. */
export interface Shown {
  readonly out: Buffer
  readonly mayRepeat: boolean
}

/**
 * Whether the outputs of all processes, one after the other, are `expected` with at most one call's output repeated where a
 * later process goes on. `calls` are the lengths of the outputs of the calls of an uninterrupted run. Gives what is wrong.
 */
export function outputProblem(shown: readonly Shown[], expected: Buffer, calls: readonly number[]): string | undefined {
  const starts: number[] = [0]
  for (const length of calls) starts.push(starts.at(-1)! + length)
  let at = 0
  for (const [index, { out, mayRepeat }] of shown.entries()) {
    const matches = (from: number) => out.equals(expected.subarray(from, from + out.length))
    const before = starts.findLast((start) => start < at)
    const isBoundary = starts.includes(at)
    if (out.length === 0) continue
    const again = index > 0 && before !== undefined && mayRepeat && matches(before)
    if (isBoundary && matches(at)) at += out.length
    else if (again) at = Math.max(at, before! + out.length)
    else return `the output of process ${index + 1} does not follow byte ${at}: ${JSON.stringify(excerpt(out))}`
  }
  return at === expected.length ? undefined : `the output ends at byte ${at} of ${expected.length}`
}

const excerpt = (bytes: Buffer): string => bytes.subarray(0, 100).toString()
