import { join } from '../resolve.ts'
import type { OverlayNode } from './overlay-node.ts'
import type { OverlayTree } from './overlay-tree.ts'

/** See `FileSystem.movedBelow`. */
export function movedFiles({ root, lower }: OverlayTree): readonly string[] {
  const found: string[] = []
  const below = (path: string): void => {
    const entries = lower.readdir(path)
    if (typeof entries === 'number') return
    for (const { name, type } of entries) {
      if (type === 'directory') below(join(path, name))
      else if (type === 'file') found.push(join(path, name))
    }
  }
  const visit = (node: OverlayNode, path: string): void => {
    if (node.kind === 'file' && node.isChanged && node.lower !== undefined) found.push(node.lower)
    if (node.kind !== 'directory') return
    if (node.lower !== undefined && node.lower !== path) {
      const entries = lower.readdir(node.lower)
      for (const { name, type } of typeof entries === 'number' ? [] : entries) {
        if (node.entries.has(name)) continue
        if (type === 'directory') below(join(node.lower, name))
        else if (type === 'file') found.push(join(node.lower, name))
      }
    }
    for (const [name, entry] of node.entries) if (entry !== null) visit(entry, join(path, name))
  }
  visit(root, '')
  return [...new Set(found)]
}
