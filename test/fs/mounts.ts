import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DirectoryOptions, openDirectory } from '../../host-node/directory.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import type { FileHandle, FileStat, FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { OverlayFileSystem } from '../../wasm-shim/wasi/fs/overlay.ts'
import { openFlags } from '../support/open-flags.ts'

export interface Mount {
  readonly fs: FileSystem
  readonly dispose: () => void
}

/** 2024-01-01, counting up. */
function createClock(): () => bigint {
  let now = 1_704_067_200_000_000_000n
  return () => {
    now += 1_000_000n
    return now
  }
}

export function mountMemory(): Mount {
  return { fs: MemoryFileSystem.create(createClock()), dispose: () => {} }
}

export function mountDirectory(options: DirectoryOptions = {}): Mount & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'stasis-fs-'))
  const fs = openDirectory(path, options)
  return {
    fs,
    path,
    dispose: () => {
      fs.close?.()
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** An overlay above an empty directory, or above what `prepare` has made of one. */
export function mountOverlay(prepare: (fs: FileSystem) => void = () => {}): Mount & { readonly path: string } {
  const below = mountDirectory()
  prepare(below.fs)
  const fs = OverlayFileSystem.create(openDirectory(below.path, { readOnly: true }), createClock())
  return {
    fs,
    path: below.path,
    dispose: () => {
      fs.close()
      below.dispose()
    },
  }
}

/** Every file system that the kernel can be given, under the name that tests show. */
export const mounts: readonly (readonly [name: string, mount: () => Mount])[] = [
  ['memory', mountMemory],
  ...(process.platform === 'linux' ? [['directory by /proc', () => mountDirectory({ locate: 'proc' })] as const] : []),
  ['directory by walking', () => mountDirectory({ locate: 'walk' })],
  ['overlay', () => mountOverlay()],
]

const nameByErrno: ReadonlyMap<number, string> = new Map(Object.entries(Errno).map(([name, value]) => [value, name]))

/** A failure by name, anything else as it is. */
export function outcome<T>(result: T): T | string {
  return typeof result === 'number' && result < 0 ? (nameByErrno.get(-result) ?? `errno ${-result}`) : result
}

export function opened(handle: FileHandle | number): FileHandle {
  if (typeof handle === 'number') throw new Error(`open failed: ${outcome(handle)}`)
  return handle
}

export function statOf(stat: FileStat | number): FileStat {
  if (typeof stat === 'number') throw new Error(`stat failed: ${outcome(stat)}`)
  return stat
}

export function writeFile(fs: FileSystem, path: string, text: string): void {
  const handle = opened(fs.open(path, openFlags('write', 'create', 'truncate')))
  handle.write(new TextEncoder().encode(text), 0)
  handle.close()
}

export function readHandle(handle: FileHandle, length = 1024): string {
  const target = new Uint8Array(length)
  const count = handle.read(target, 0)
  return count < 0 ? `${outcome(count)}` : new TextDecoder().decode(target.subarray(0, count))
}

export function readFile(fs: FileSystem, path: string): string {
  const handle = fs.open(path, openFlags('read'))
  if (typeof handle === 'number') return `${outcome(handle)}`
  const text = readHandle(handle)
  handle.close()
  return text
}

export function names(fs: FileSystem, path: string): readonly string[] | string {
  const entries = fs.readdir(path)
  return typeof entries === 'number' ? `${outcome(entries)}` : entries.map((entry) => entry.name).sort()
}
