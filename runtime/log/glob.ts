/**
 * A pattern like a shell's: `*` and `?` stand for characters other than `/`, `**` for any. Without a `/` it is compared
 * with the last part of a path only: `*.txt` means such a file in any directory.
 */
export function matcher(pattern: string): (text: string) => boolean {
  const source = pattern.replaceAll(/\*\*\/?|\*|\?|[^*?]+/g, (part) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    return part === '?' ? '[^/]' : part.replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
  })
  const regex = new RegExp(`^${source}$`, 'su')
  if (pattern.includes('/')) return (text) => regex.test(text)
  return (text) => regex.test(lastPart(text))
}

function lastPart(path: string): string {
  const bare = path.replace(/\/+$/, '')
  return bare.slice(bare.lastIndexOf('/') + 1)
}
