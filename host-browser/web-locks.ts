/** What is needed of the Web Locks API: `navigator.locks` has it. */
export interface WebLocks {
  /** Calls back with a lock, or null where somebody has it; it is held until the callback's promise settles. */
  request(
    name: string,
    options: { readonly ifAvailable: true } | { readonly steal: true },
    callback: (lock: unknown) => Promise<unknown>,
  ): Promise<unknown>
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>
}

/** For pages without Web Locks (not in a secure context) and for tests: nobody outside of this realm is kept away. */
export function inProcessLocks(): WebLocks {
  const held = new Map<string, object>()
  return {
    request: async (name, options, callback) => {
      if (held.has(name) && 'ifAvailable' in options) return callback(null)
      const lock = { name }
      held.set(name, lock)
      try {
        return await callback(lock)
      } finally {
        if (held.get(name) === lock) held.delete(name)
      }
    },
    query: async () => ({ held: [...held.keys()].map((name) => ({ name })) }),
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
        // It may have been stolen.
        await request.catch(() => undefined)
      })
      await released
    })
    request.catch(reject)
  })
}

/** Takes a lock from whoever has it, and lets go of it. */
export async function steal(locks: WebLocks, name: string): Promise<void> {
  await locks.request(name, { steal: true }, async () => undefined)
}

function withResolvers() {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
