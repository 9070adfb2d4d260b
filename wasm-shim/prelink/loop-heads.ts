/** Which loops a continuation leaves to a function that begins at their head, and what that must be given. */
import { blockParams } from '../module/block-type.ts'
import { type FuncType, ValType } from '../module/model.ts'
import { Construct, type FunctionPlan } from './plan.ts'
import { clauseAround } from './site-values.ts'

/**
 * Those of the constructs `chain` around `at`, outermost first. Not loops in a catch body whose exception is thrown again,
 * and not those that need exception references, of which the engine may be unable to name one.
 */
export function loopsToLeaveFor(
  types: readonly FuncType[],
  plan: FunctionPlan,
  chain: readonly number[],
  site: number,
  at: number,
): number[] {
  const kind = (construct: number) => plan.constructKind.at(construct)
  const rethrown = chain.findIndex(
    (construct) => kind(construct) === Construct.try && clauseAround(plan, construct, at)?.rethrown === true,
  )
  return (rethrown < 0 ? chain : chain.slice(0, rethrown)).filter(
    (construct) =>
      kind(construct) === Construct.loop &&
      !blockParams(types, plan.constructType.at(construct)).includes(ValType.exnref) &&
      valuesAtLoop(plan, construct, site).every((local) => plan.locals[local] !== ValType.exnref),
  )
}

/** Locals that a loop and what follows it need: the live ones and the operands underneath. `site` is in the loop. */
export function valuesAtLoop(plan: FunctionPlan, loop: number, site: number): number[] {
  const operands = plan.siteOperands.at(site)
  const locals = [...plan.liveAtLoop(loop)]
  for (let height = 0; height < plan.constructBase.at(loop); height++) locals.push(plan.operands.at(operands + height))
  return locals
}
