import { closest, distance } from 'fastest-levenshtein'

/**
 * The candidate a person most likely meant, or undefined when none is near: at most a third of the letters differ, or
 * two, which is what exchanging neighbours costs, but never all of them.
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined
  const byPrefix = word.length >= 2 ? candidates.filter((candidate) => candidate.startsWith(word)) : []
  if (byPrefix.length === 1) return byPrefix[0]
  const nearest = closest(word, candidates)
  const allowed = Math.min(Math.max(2, Math.floor(word.length / 3)), word.length - 1)
  return distance(word, nearest) <= allowed ? nearest : undefined
}

/** ' Did you mean X?' or nothing, to be put behind a sentence. */
export function didYouMean(word: string, candidates: readonly string[], format = (found: string) => found): string {
  const found = suggest(word, candidates)
  return found === undefined ? '' : ` Did you mean ${format(found)}?`
}
