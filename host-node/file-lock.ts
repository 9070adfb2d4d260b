import { randomUUID } from 'node:crypto'
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { busy } from '../runtime/store/checkpoint-file/storage.ts'
import { isAlive, processStart } from './process-identity.ts'

export interface FileLock {
  /** Idempotent. */
  release(): void
}

interface Found {
  readonly path: string
  readonly generation: number
  readonly isLive: boolean
  readonly owner: string
}

/**
 * Makes this process the only writer of a file, by a file PATH.lock.N with the owner's identity: as session-lock.ts, at
 * once. The lock of a dead process is not moved, since two others could both believe that they did it: the next owner
 * links N+1, looks again, and gives way where another living lock is.
 */
export function lockFile(path: string): FileLock {
  const before = readLocks(path)
  refuseLive(before, path)
  const generation = Math.max(0, ...before.map((lock) => lock.generation)) + 1
  const file = `${path}.lock.${generation}`
  const isOurs = link(path, file)
  const others = readLocks(path).filter((lock) => lock.path !== file || !isOurs)
  if (isOurs && others.some((lock) => lock.isLive)) rmSync(file, { force: true })
  refuseLive(others, path)
  if (!isOurs) throw busy(path, 'another process')
  for (const lock of others) rmSync(lock.path, { force: true })
  let isHeld = true
  return {
    release: () => {
      // Once: afterwards the same file may be somebody else's.
      if (isHeld) rmSync(file, { force: true })
      isHeld = false
    },
  }
}

function refuseLive(locks: readonly Found[], path: string): void {
  const live = locks.find((lock) => lock.isLive)
  if (live !== undefined) throw busy(path, live.owner)
}

/** False where somebody else was first. */
function link(path: string, file: string): boolean {
  const { pid } = process
  const temporary = `${path}.tmp-${pid}-${randomUUID()}`
  try {
    const owner = { pid, host: hostname(), started: processStart(pid), since: Date.now() }
    writeFileSync(temporary, JSON.stringify(owner), { mode: 0o600 })
    linkSync(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

function readLocks(path: string): Found[] {
  const prefix = `${basename(path)}.lock.`
  return readdirSync(dirname(path)).flatMap((name) => {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    if (!/^\d{1,9}$/.test(number)) return []
    const lock = readLock(join(dirname(path), name), Number(number))
    return lock === undefined ? [] : [lock]
  })
}

function readLock(path: string, generation: number): Found | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // Released since the directory was read.
    return undefined
  }
  try {
    const { pid, host, started } = JSON.parse(text) as { pid: number; host: string; started?: number }
    // Of another machine's processes nothing is known: they count as living.
    const isLive = host !== hostname() || isAlive(pid, started)
    return { path, generation, isLive, owner: `process ${pid} on ${host}` }
  } catch {
    // Made by nobody who lives, since locks are linked complete.
    return { path, generation, isLive: false, owner: 'nobody' }
  }
}
