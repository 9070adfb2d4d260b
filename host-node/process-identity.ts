import { readFileSync } from 'node:fs'

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
