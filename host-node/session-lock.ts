import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { sessionBusy } from '../runtime/store/blob-name.ts'
import type { LockOwner, SessionLock } from '../runtime/store/store.ts'
import { isAlive, processStart } from './process-identity.ts'

/**
 * A lock is a file `.lock.<n>` with its owner's identity, made complete under another name and then linked, which fails
 * where it exists. The lock of a dead process is never moved (two others could both believe that they did it): the next
 * owner links n+1, then looks again, and gives way if another living lock is there.
 */
interface LockFile {
  readonly file: string
  readonly generation: number
  readonly owner: LockOwner
  readonly isLive: boolean
}

const lockPattern = /^\.lock\.(\d{1,9})$/

export async function lockSession(directory: string, session: string): Promise<SessionLock> {
  const before = await readLocks(directory)
  refuseLive(before, session)
  const generation = Math.max(0, ...before.map((lock) => lock.generation)) + 1
  const file = join(directory, `.lock.${generation}`)
  const isOurs = await linkLock(directory, file)
  const after = await readLocks(directory)
  const others = after.filter((lock) => lock.file !== file || !isOurs)
  if (isOurs && others.some((lock) => lock.isLive)) await rm(file, { force: true })
  refuseLive(others, session)
  if (!isOurs) throw sessionBusy(session, { pid: 0, host: hostname(), since: 0 })
  for (const lock of others) await rm(lock.file, { force: true })
  let isHeld = true
  return {
    release: async () => {
      // Once: afterwards the same file may be somebody else's.
      if (isHeld) await rm(file, { force: true })
      isHeld = false
    },
  }
}

/** The living owner of the session in this directory. */
export async function lockOwner(directory: string): Promise<LockOwner | undefined> {
  return (await readLocks(directory)).find((lock) => lock.isLive)?.owner
}

function refuseLive(locks: readonly LockFile[], session: string): void {
  const live = locks.find((lock) => lock.isLive)
  if (live !== undefined) throw sessionBusy(session, live.owner)
}

/** False where somebody else was first. */
async function linkLock(directory: string, file: string): Promise<boolean> {
  const { pid } = process
  const owner = { pid, host: hostname(), started: processStart(pid), since: Date.now() }
  const temporary = join(directory, `.tmp-${pid}-${randomUUID()}`)
  try {
    // Again, since a session that just ended may have removed the directory.
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await writeFile(temporary, JSON.stringify(owner))
    await link(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

async function readLocks(directory: string): Promise<LockFile[]> {
  const names = await readdir(directory).catch(() => [])
  const locks = await Promise.all(names.map((name) => readLock(directory, name)))
  return locks.filter((lock) => lock !== undefined)
}

async function readLock(directory: string, name: string): Promise<LockFile | undefined> {
  const match = lockPattern.exec(name)
  if (match === null) return undefined
  const file = join(directory, name)
  const text = await readFile(file, 'utf8').catch(() => undefined)
  // Released since the directory was read.
  if (text === undefined) return undefined
  const { pid, host, started, since } = parseOwner(text)
  // Of another machine's processes nothing is known: they count as living.
  const isLive = host !== hostname() || isAlive(pid, started)
  return { file, generation: Number(match[1]), owner: { pid, host, since }, isLive }
}

function parseOwner(text: string): LockOwner & { started?: number } {
  try {
    const value: unknown = JSON.parse(text)
    const { pid, host, started, since } = value as Record<string, unknown>
    if (typeof pid === 'number' && typeof host === 'string' && typeof since === 'number') {
      return typeof started === 'number' ? { pid, host, since, started } : { pid, host, since }
    }
  } catch {
    // Falls through: a lock that cannot be read was made by nobody who lives, since locks are linked complete.
  }
  return { pid: 2 ** 31 - 1, host: hostname(), since: 0 }
}
