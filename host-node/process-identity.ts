import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { LockOwner } from '../runtime/store/store.ts'

/**
 * When a process started, in clock ticks since boot (proc(5), field 22 of /proc/PID/stat); undefined where the system
 * does not say. With it, a number that the system has given to another process since is told apart.
 */
export function processStart(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command's name in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[19])
  } catch {
    return undefined
  }
}

export function isAlive(pid: number, started?: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = processStart(pid)
  return started === undefined || now === undefined || now === started
}

/** An owner, and when its process started. */
export interface OwnerIdentity extends LockOwner {
  readonly started?: number
}

export function ownIdentity(): OwnerIdentity {
  const started = processStart(process.pid)
  return { pid: process.pid, host: hostname(), since: Date.now(), ...(started !== undefined && { started }) }
}

/** Reads what was kept as JSON. What cannot be read is undefined. */
export function parseIdentity(text: string): OwnerIdentity | undefined {
  try {
    const { pid, host, started, since } = JSON.parse(text) as Record<string, unknown>
    if (typeof pid !== 'number' || typeof host !== 'string' || typeof since !== 'number') return undefined
    return typeof started === 'number' ? { pid, host, since, started } : { pid, host, since }
  } catch {
    return undefined
  }
}

/** Of another machine's processes nothing is known: they count as living. */
export function isLiveOwner({ pid, host, started }: OwnerIdentity): boolean {
  return host !== hostname() || isAlive(pid, started)
}
