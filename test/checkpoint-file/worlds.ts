// The two hosts of checkpoint files: one test suite for both.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCheckpointStorage } from '../../host-node/checkpoint-file-host.ts'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { load } from '../../runtime/store/checkpoint-file/load.ts'
import { MemoryCheckpoints, MemoryFile } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import type { CheckpointFileOptions } from '../../runtime/store/checkpoint-file/options.ts'
import { encodeHead, measureHead } from '../../runtime/store/checkpoint-file/record.ts'
import { removalHead } from '../../runtime/store/checkpoint-file/removal.ts'
import { type CheckpointStorage, portableCrc32 } from '../../runtime/store/checkpoint-file/storage.ts'

/** One checkpoint file, and ways behind its back. */
export interface World {
  storage(readOnly?: boolean): CheckpointStorage
  open(options?: CheckpointFileOptions & { readonly readOnly?: boolean }): CheckpointFile
  data(): Uint8Array
  index(): Uint8Array
  setData(bytes: Uint8Array): void
  setIndex(bytes: Uint8Array): void
  dispose(): void
}

const opened = (storage: World['storage']): World['open'] => {
  return ({ readOnly = false, ...options } = {}) => CheckpointFile.open(storage(readOnly), options)
}

export function memoryWorld(): World {
  const disk = new MemoryCheckpoints()
  const storage = (readOnly = false) => disk.open({ readOnly })
  return {
    storage,
    open: opened(storage),
    data: () => disk.data.content,
    index: () => disk.index.content,
    setData: (bytes) => {
      disk.data = new MemoryFile(bytes)
    },
    setIndex: (bytes) => {
      disk.index = new MemoryFile(bytes)
    },
    dispose: () => {},
  }
}

export function fileWorld(): World {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-checkpoint-file-'))
  const path = join(directory, 'state.ckp')
  const storage = (readOnly = false) => openCheckpointStorage(path, readOnly)
  return {
    storage,
    open: opened(storage),
    data: () => new Uint8Array(readFileSync(path)),
    index: () => new Uint8Array(readFileSync(`${path}.index`)),
    setData: (bytes) => writeFileSync(path, bytes),
    setIndex: (bytes) => writeFileSync(`${path}.index`, bytes),
    dispose: () => rmSync(directory, { recursive: true }),
  }
}

export const worlds = [
  { host: 'memory', create: memoryWorld },
  { host: 'files', create: fileWorld },
] as const

/** `count` pages, each with bytes of its own, from `seed` on. */
export function somePages(count: number, seed: number): Uint8Array {
  const words = new Uint32Array(count * 1024)
  let state = seed + 1
  for (let at = 0; at < words.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    words[at] = state ^ (state >>> 15)
  }
  return new Uint8Array(words.buffer)
}

/** The `code` of what is thrown; 'none' where nothing is. */
export function codeOf(call: () => unknown): string {
  try {
    call()
    return 'none'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** Makes the checksums right again, as far as the lengths lead from record to record. */
export function seal(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer)
  view.setUint32(28, portableCrc32(bytes.subarray(0, 28)), true)
  let previous = view.getUint32(28, true)
  for (let at = 32; at + 64 <= bytes.length; ) {
    const lengths = measureHead(bytes.subarray(at, at + 64))
    if (lengths === undefined || at + lengths.headLength > bytes.length) return
    view.setUint32(at + 32, previous, true)
    const rest = bytes.subarray(at + 64, at + lengths.headLength)
    previous = portableCrc32(rest, portableCrc32(bytes.subarray(at, at + 60)))
    view.setUint32(at + 60, previous, true)
    at += lengths.headLength + lengths.payloadLength
  }
}

/** Writes what the store of sessions writes when versions of a file are removed. Nobody may have it open. */
export function removeVersions(storage: CheckpointStorage, versions: readonly number[]): void {
  const { catalog } = load(storage, portableCrc32)
  storage.data.append([encodeHead(removalHead(versions, catalog, 0), portableCrc32)])
  storage.close()
}
