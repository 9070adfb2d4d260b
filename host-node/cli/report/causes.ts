/** Why checkpoints are taken, as far as there is a colour for it. */
export const causes = [
  'request',
  'signal',
  'call',
  'first-stdin',
  'idle',
  'interval',
  'keyframe',
  'torture',
  'guest',
] as const

/** A class of the style sheet. An image may tell any cause. */
export function causeClass(cause: string): string {
  return `cause-${causes.find((known) => known === cause) ?? 'other'}`
}
