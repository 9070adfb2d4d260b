/**
 * Whether a symlink at `path` would lead out of its mount, or might: absolute targets, and those that climb above the
 * mount's root. The program itself is never led out by one; whoever looks at the directory would be.
 */
export function leavesMount(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return true
  let depth = path.split('/').length - 1
  for (const component of target.split('/')) {
    if (component === '' || component === '.') continue
    depth += component === '..' ? -1 : 1
    if (depth < 0) return true
  }
  return false
}
