import { StasisError } from '../../wasm-shim/errors.ts'
import type { MemorySource } from '../intercept/call-site.ts'
import type { ImportFunction } from '../intercept/interceptor.ts'

/** What an ES module given for imports exports as `imports`. */
export type OwnFunctions = (guest: {
  /** The guest's memory, once its instance exists. */
  readonly memory: MemorySource
}) => Readonly<Record<string, ImportFunction>>

/** Loads the ES modules with an embedder's functions: URLs by the name that the guest imports from. Throws STASIS_IMPORTS. */
export async function loadFunctions(urls: Readonly<Record<string, string>>) {
  const loaded = new Map<string, OwnFunctions>()
  for (const [name, url] of Object.entries(urls)) loaded.set(name, await loadOne(name, url))
  // Functions of one guest share what they keep.
  const made = new WeakMap<MemorySource, Map<string, ReturnType<OwnFunctions>>>()
  return (module: string, name: string, memory: MemorySource): ImportFunction | undefined => {
    const make = loaded.get(module)
    if (make === undefined) return undefined
    const own = made.get(memory) ?? new Map()
    made.set(memory, own)
    const functions = own.get(module) ?? make({ memory })
    own.set(module, functions)
    return functions !== undefined && Object.hasOwn(functions, name) ? functions[name] : undefined
  }
}

async function loadOne(name: string, url: string): Promise<OwnFunctions> {
  let imports: unknown
  try {
    const loaded = (await import(url)) as Record<string, unknown>
    imports = loaded.imports
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError(
      'STASIS_IMPORTS',
      `The functions for "${name}" cannot be loaded from ${url}: ${reason}.`,
      { name, url },
      { cause },
    )
  }
  if (typeof imports === 'function') return imports as OwnFunctions
  const message = `${url} exports no function "imports", which would be given { memory } and return the functions of "${name}".`
  throw new StasisError('STASIS_IMPORTS', message, { name, url })
}
