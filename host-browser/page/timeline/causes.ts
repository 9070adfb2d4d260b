/** Taken without being asked for. They are drawn hollow. */
const automatic: ReadonlySet<string> = new Set(['keyframe', 'idle', 'interval', 'first-stdin', 'leave'])
export const isAutomatic = (cause: string): boolean => automatic.has(cause)

const words: Readonly<Record<string, string>> = {
  request: 'asked for',
  signal: 'by a signal',
  call: 'at a call',
  'first-stdin': 'at its first input',
  idle: 'while it waited',
  interval: 'by the clock',
  keyframe: 'by itself, so that little has to be done again',
  fork: 'where a fork began',
  leave: 'when it was left',
  'hand-over': 'to go on elsewhere',
  files: 'to be given files',
  guest: 'by the program itself',
}

export const describeCause = (cause: string): string => words[cause] ?? cause
