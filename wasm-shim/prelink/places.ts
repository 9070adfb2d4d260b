/** Where parts of a planned function begin and end. */
import { Construct, type FunctionPlan, SiteKind } from './plan.ts'

/** End of the part of a construct that contains `at`: its `else`, next `catch`, or `end`. */
export function regionEnd(plan: FunctionPlan, construct: number, at: number): number {
  const end = plan.constructEnd.at(construct)
  switch (plan.constructKind.at(construct)) {
    case Construct.if: {
      const otherwise = plan.constructElse.at(construct)
      return otherwise > at ? otherwise : end
    }
    case Construct.try:
      return plan.clauses.get(construct)?.find((clause) => clause.at > at)?.at ?? end
    default:
      return end
  }
}

/** The first site of the code that begins at `offset`. A poll there belongs to the loop that opens just before. */
export function siteFrom({ siteAt, siteKind, siteCount }: FunctionPlan, offset: number): number {
  let low = 0
  let high = siteCount
  while (low < high) {
    const middle = (low + high) >>> 1
    if (siteAt.at(middle) < offset) low = middle + 1
    else high = middle
  }
  return low < siteCount && siteAt.at(low) === offset && siteKind.at(low) === SiteKind.poll ? low + 1 : low
}
