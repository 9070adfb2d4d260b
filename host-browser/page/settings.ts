import type { InputMode } from '../../runtime/terminal/line-discipline.ts'

/**
 * What this browser remembers of a session beside its state: how keys are given, and that this tab has paused it. A
 * convenience: where nothing can be kept, nothing is.
 */
export interface Settings {
  readonly input: InputMode
}

const key = (session: string) => `stasis:${session}`

export function readSettings(session: string): Settings {
  const text = attempt(() => localStorage.getItem(key(session)))
  return { input: text === 'keys' ? 'keys' : 'lines' }
}

export function writeSettings(session: string, { input }: Settings): void {
  attempt(() => localStorage.setItem(key(session), input))
}

export function forgetSettings(session: string): void {
  attempt(() => localStorage.removeItem(key(session)))
}

/** Of this tab: a reload resumes what was running, and nothing else. */
export function isPaused(session: string): boolean {
  return attempt(() => sessionStorage.getItem(key(session))) === 'paused'
}

export function setPaused(session: string, paused: boolean): void {
  attempt(() => (paused ? sessionStorage.setItem(key(session), 'paused') : sessionStorage.removeItem(key(session))))
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
