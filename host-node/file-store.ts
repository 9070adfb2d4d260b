import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { PlaceOf } from '../runtime/log/storage.ts'
import { checkSessionName } from '../runtime/store/address.ts'
import { checkAppend, checkBlobName } from '../runtime/store/blob-name.ts'
import type { BlobInfo, ByteRange, LockOwner, SessionLock, Store } from '../runtime/store/store.ts'
import { isAlive } from './process-identity.ts'
import { lockOwner, lockSession } from './session-lock.ts'

/** What a checkpoint holds is its owner's alone: passwords that were typed, keys in memory. */
const privateFile = 0o600
const privateDirectory = 0o700

const temporaryPattern = /^\.tmp-(\d+)-/

/** Blobs as files below one directory (docs/format.md). Directories are made when needed and removed when empty. */
export class FileStore implements Store {
  readonly url: string
  readonly #root: string

  constructor(directory: string) {
    this.url = `file:${directory}`
    this.#root = resolve(directory)
  }

  async list(prefix: string): Promise<readonly BlobInfo[]> {
    const top = join(this.#root, prefix.slice(0, prefix.lastIndexOf('/') + 1))
    const entries = await readdir(top, { withFileTypes: true, recursive: true }).catch(emptyIfAbsent)
    const names = entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => relative(this.#root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
      .filter((name) => name.startsWith(prefix))
      .sort()
    const blobs = await Promise.all(
      names.map(async (name) => {
        const info = await stat(join(this.#root, name)).catch(() => undefined)
        return info === undefined ? [] : [{ name, size: info.size, modified: Math.trunc(info.mtimeMs) }]
      }),
    )
    return blobs.flat()
  }

  async get(name: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    const file = this.locate(name)
    if (range === undefined) {
      const content = await readFile(file).catch(undefinedIfAbsent)
      // Not as a Buffer, whose methods differ from those of the Uint8Array that it claims to be.
      return content && new Uint8Array(content.buffer, content.byteOffset, content.length)
    }
    const handle = await open(file).catch(undefinedIfAbsent)
    if (handle === undefined) return undefined
    try {
      const { start = 0, end } = range
      const bytes = new Uint8Array(Math.max(0, end - start))
      let done = 0
      for (let count = 1; count > 0 && done < bytes.length; done += count) {
        count = (await handle.read(bytes, done, bytes.length - done, start + done)).bytesRead
      }
      return bytes.subarray(0, done)
    } finally {
      await handle.close()
    }
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const file = this.locate(name)
    const temporary = join(dirname(file), `.tmp-${process.pid}-${randomUUID()}`)
    const handle = await createFile(temporary)
    try {
      try {
        for (const part of parts) await handle.writeFile(part)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, file)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await syncDirectory(dirname(file))
  }

  async append(name: string, at: number, parts: readonly Uint8Array[]): Promise<void> {
    const file = this.locate(name)
    const isNew = !(await stat(file).catch(undefinedIfAbsent))
    const handle = isNew ? await createFile(file) : await open(file, 'r+')
    try {
      const { size } = await handle.stat()
      checkAppend(name, at, size)
      if (at < size) await handle.truncate(at)
      await writeParts(handle, parts, at)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (isNew) await syncDirectory(dirname(file))
  }

  async delete(name: string): Promise<boolean> {
    const file = this.locate(name)
    try {
      await rm(file)
    } catch (error) {
      return undefinedIfAbsent(error) ?? false
    }
    await this.#removeEmptyDirectories(dirname(file))
    return true
  }

  async rename(from: string, to: string): Promise<boolean> {
    const source = this.locate(from)
    const target = this.locate(to)
    try {
      await rename(source, target).catch(async (error) => {
        // Of the two it may be the target's directory that is missing.
        if (!isAbsent(error) || !(await stat(source).catch(undefinedIfAbsent))) throw error
        await mkdir(dirname(target), { recursive: true })
        await rename(source, target)
      })
      await syncDirectory(dirname(target))
      await this.#removeEmptyDirectories(dirname(source))
      return true
    } catch (error) {
      return undefinedIfAbsent(error) ?? false
    }
  }

  async lock(session: string): Promise<SessionLock> {
    const directory = join(this.#root, 'sessions', checkSessionName(session))
    const lock = await lockSession(directory, session)
    await removeAbandoned(directory)
    await removeAbandoned(join(this.#root, 'modules'))
    return {
      release: async () => {
        await lock.release()
        await this.#removeEmptyDirectories(directory)
      },
    }
  }

  async owners(): Promise<ReadonlyMap<string, LockOwner>> {
    const sessions = await readdir(join(this.#root, 'sessions')).catch(emptyIfAbsent)
    const pairs = await Promise.all(
      sessions.map(async (session) => [session, await lockOwner(join(this.#root, 'sessions', session))] as const),
    )
    return new Map(pairs.filter((pair): pair is [string, LockOwner] => pair[1] !== undefined))
  }

  logPlace(session: string): PlaceOf<'directory'> {
    return { kind: 'directory', path: join(this.#root, 'sessions', checkSessionName(session)) }
  }

  locate(name: string): string {
    return join(this.#root, checkBlobName(name))
  }

  async #removeEmptyDirectories(from: string): Promise<void> {
    for (let directory = from; directory.startsWith(this.#root); directory = dirname(directory)) {
      try {
        await rmdir(directory)
      } catch {
        // Not empty, or gone already, or not ours to remove.
        return
      }
    }
  }
}

/** Most systems take no more than 1,024 parts at once. */
const maxParts = 1000

async function writeParts(handle: FileHandle, parts: readonly Uint8Array[], at: number): Promise<void> {
  let to = at
  for (let first = 0; first < parts.length; first += maxParts) {
    let rest = parts.slice(first, first + maxParts).filter(({ length }) => length > 0)
    while (rest.length > 0) {
      let { bytesWritten: count } = await handle.writev(rest, to)
      to += count
      // The system may take less than it was given.
      let whole = 0
      while (whole < rest.length && count >= rest[whole]!.length) count -= rest[whole++]!.length
      rest = rest.slice(whole)
      if (count > 0) rest[0] = rest[0]!.subarray(count)
    }
  }
}

/** Another process may remove the directory between our making it and using it: tried again a few times. */
async function createFile(file: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    await mkdir(dirname(file), { recursive: true, mode: privateDirectory })
    try {
      return await open(file, 'wx', privateFile)
    } catch (error) {
      if (attempt === 5 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Makes a rename durable. Not all systems can open a directory. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory).catch(() => undefined)
  if (handle === undefined) return
  await handle.sync().catch(() => undefined)
  await handle.close()
}

/** Removes what processes left behind that died while they wrote. */
async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(emptyIfAbsent)) {
    const match = temporaryPattern.exec(name)
    if (match !== null && !isAlive(Number(match[1]))) await rm(join(directory, name), { force: true })
  }
}

function undefinedIfAbsent(error: unknown): undefined {
  if (isAbsent(error)) return undefined
  throw error
}

function emptyIfAbsent(error: unknown): [] {
  if (isAbsent(error)) return []
  throw error
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}
