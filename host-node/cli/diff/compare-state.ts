import { MemoryFileSystem } from '../../../wasm-shim/wasi/fs/memory.ts'
import { type DescriptorSummary, describeState } from '../../../wasm-shim/wasi/kernel.ts'
import { decodeState } from '../../../wasm-shim/wasi/saved-state.ts'

type Change = 'added' | 'removed' | 'changed'

export interface StateDifference {
  readonly descriptors: readonly { readonly fd: number; readonly path: string; readonly change: Change }[]
  /** In memory mounts, by the guest's names. */
  readonly files: readonly { readonly path: string; readonly change: Change }[]
}

/** Of two saved states of the kernel. Throws STASIS_KERNEL_STATE_DAMAGED. */
export function compareState(before: Uint8Array, after: Uint8Array): StateDifference {
  const isSame = (a: DescriptorSummary, b: DescriptorSummary) => JSON.stringify(a) === JSON.stringify(b)
  const descriptors = changes(byFd(before), byFd(after), isSame)
  const isEqual = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0
  return {
    descriptors: descriptors.map(({ key, change, value }) => ({ fd: key, path: value.path ?? '', change })),
    files: changes(filesOf(before), filesOf(after), isEqual).map(({ key: path, change }) => ({ path, change })),
  }
}

function byFd(kernel: Uint8Array): ReadonlyMap<number, DescriptorSummary> {
  return new Map(describeState(kernel).map((summary) => [summary.fd, summary]))
}

function changes<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>, isSame: (a: V, b: V) => boolean) {
  const found: { key: K; change: Change; value: V }[] = []
  for (const [key, value] of before) {
    const now = after.get(key)
    if (now === undefined) found.push({ key, change: 'removed', value })
    else if (!isSame(value, now)) found.push({ key, change: 'changed', value: now })
  }
  for (const [key, value] of after) if (!before.has(key)) found.push({ key, change: 'added', value })
  return found
}

function filesOf(kernel: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  for (const mount of decodeState(kernel).mounts) {
    if (mount.kind !== 'memory' || !(mount.content instanceof Uint8Array)) continue
    const fs = MemoryFileSystem.restore(mount.content, () => 0n)
    const walk = (folder: string): void => {
      const entries = fs.readdir(folder)
      if (typeof entries === 'number') return
      for (const { name, type } of entries) {
        const path = folder === '' ? name : `${folder}/${name}`
        if (type === 'directory') walk(path)
        else if (type === 'file') files.set(`${mount.guest}/${path}`, fs.get(path)!)
      }
    }
    walk('')
  }
  return files
}
