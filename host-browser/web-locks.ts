/** What is needed of the Web Locks API: `navigator.locks` has it. */
export interface WebLocks {
  /** Calls back with a lock, or null where somebody has it; it is held until the callback's promise settles. */
  request(
    name: string,
    options: { readonly ifAvailable: true },
    callback: (lock: unknown) => Promise<unknown>,
  ): Promise<unknown>
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>
}

/** For pages without Web Locks (not in a secure context) and for tests: nobody outside of this realm is kept away. */
export function inProcessLocks(): WebLocks {
  const held = new Set<string>()
  return {
    request: async (name, _, callback) => {
      if (held.has(name)) return callback(null)
      held.add(name)
      try {
        return await callback({ name })
      } finally {
        held.delete(name)
      }
    },
    query: async () => ({ held: [...held].map((name) => ({ name })) }),
  }
}

/** Holds a lock until the returned function is called, which resolves when it is free; undefined where somebody has it. */
export function hold(locks: WebLocks, name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const { promise: released, resolve: release } = withResolvers()
    const request = locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock === null) return resolve(undefined)
      resolve(async () => {
        release()
        await request
      })
      await released
    })
    request.catch(reject)
  })
}

function withResolvers() {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
