/** What has to be saved at a call site. */
import { type Clause, Construct, type FunctionPlan } from './plan.ts'
import { typeOrder, typeRank } from './values.ts'

/** Locals saved at a site, in the order in which they are saved: live locals and spilled operands, grouped by type. */
export function siteValues(plan: FunctionPlan, site: number): number[] {
  const values: number[] = []
  let ranks = 0
  const add = (local: number) => {
    ranks |= 1 << (typeRank[plan.locals[local] as number] as number)
    values.push(local)
  }
  for (let i = plan.liveStart.at(site), end = plan.liveEnd.at(site); i < end; i++) add(plan.live.at(i))
  for (let i = plan.siteOperands.at(site); i < plan.siteOperands.at(site + 1); i++) add(plan.operands.at(i))
  if ((ranks & (ranks - 1)) === 0) return values
  return typeOrder.flatMap((type, rank) =>
    ranks & (1 << rank) ? values.filter((local) => plan.locals[local] === type) : [],
  )
}

/**
 * The catch bodies around a site whose exception is thrown again later, outermost first: construct, and how many labels
 * up from the site it is.
 */
export function rethrownAround(plan: FunctionPlan, site: number): { construct: number; up: number }[] {
  if (plan.clauses.size === 0) return []
  const found: { construct: number; up: number }[] = []
  const at = plan.siteAt.at(site)
  let up = 0
  for (let construct = plan.siteConstruct.at(site); construct > 0; construct = plan.constructParent.at(construct)) {
    if (plan.constructKind.at(construct) === Construct.try && clauseAround(plan, construct, at)?.rethrown)
      found.unshift({ construct, up })
    up++
  }
  return found
}

/** The clause of a legacy `try` that contains the offset; undefined in its protected body. */
export function clauseAround(plan: FunctionPlan, construct: number, at: number): Clause | undefined {
  return plan.clauses.get(construct)?.findLast((clause) => clause.body <= at)
}
