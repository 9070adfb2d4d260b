/** A promise that somebody waits for, seen from who settles it. */
export interface Pending<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** A promise with what settles it. */
export function deferred<T>(): Pending<T> & { readonly promise: Promise<T> } {
  let pending!: Pending<T>
  const promise = new Promise<T>((resolve, reject) => {
    pending = { resolve, reject }
  })
  return { ...pending, promise }
}
