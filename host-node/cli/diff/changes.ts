export type Change = 'added' | 'removed' | 'changed'

export interface Changed<K, V> {
  readonly key: K
  readonly change: Change
  /** The later one where there is one. */
  readonly value: V
}

/** What two maps do not have in common. */
export function changes<K, V extends object>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, V>,
  isSame: (a: V, b: V) => boolean,
): readonly Changed<K, V>[] {
  const gone = [...before].flatMap(([key, value]): Changed<K, V>[] => {
    const now = after.get(key)
    if (now === undefined) return [{ key, change: 'removed', value }]
    return isSame(value, now) ? [] : [{ key, change: 'changed', value: now }]
  })
  const made = [...after].filter(([key]) => !before.has(key))
  return [...gone, ...made.map(([key, value]): Changed<K, V> => ({ key, change: 'added', value }))]
}
