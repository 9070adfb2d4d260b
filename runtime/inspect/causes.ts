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
  'fork',
  'leave',
  'hand-over',
] as const

/** A class of the style sheets of page and report. An image may tell any cause. */
export function causeClass(cause: string): string {
  return `cause-${causes.find((known) => known === cause) ?? 'other'}`
}
