import { StasisError } from '../../wasm-shim/errors.ts'
import { prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import type { Manifest } from '../image/manifest.ts'
import { loadModule, type StoredImage } from '../store/checkpoints.ts'
import type { Store } from '../store/store.ts'
import type { SessionParts } from './parts.ts'
import type { SessionHost } from './session-host.ts'

/** What finding a module needs of a host. */
export type ProgramHost = Pick<SessionHost, 'readFile' | 'sha256'>

/** The module with what is known of it. */
export type Program = SessionParts['module']

export async function readProgram(host: ProgramHost, module: Uint8Array | string, name?: string): Promise<Program> {
  if (module instanceof Uint8Array) {
    return { bytes: module, sha256: await host.sha256(module), name: name ?? 'module.wasm' }
  }
  if (typeof module !== 'string') throw new StasisError('STASIS_OPTION', 'module is neither a Uint8Array nor a path.')
  if (host.readFile === undefined) {
    throw new StasisError('STASIS_OPTION', 'This host has no files: give the module as bytes.', { module })
  }
  const bytes = await host.readFile(module)
  return { bytes, sha256: await host.sha256(bytes), name: name ?? module.split(/[\\/]/).at(-1) ?? module }
}

export async function findProgram(
  host: ProgramHost,
  store: Store,
  { module: { sha256, name, path = '' } }: { readonly module: Manifest['module'] & { readonly path?: string } },
  given: Uint8Array | string | undefined,
): Promise<Program> {
  const program =
    given === undefined
      ? ((await programAt(host, path, sha256, name)) ?? (await storedProgram(host, store, sha256, name)))
      : await readProgram(host, given, name)
  if (program.sha256 === sha256) return program
  throw new StasisError(
    'STASIS_MODULE_DIFFERENT',
    `The checkpoint belongs to the module ${name} with SHA-256 ${sha256}, and ` +
      `${given === undefined ? 'what the store has under that hash' : 'the one given'} has ${program.sha256}. ` +
      'Give the module that the session was started with.',
    { expected: sha256, found: program.sha256 },
  )
}

/** Where it was when the session began, if what is there now is the same. */
async function programAt(host: ProgramHost, path: string, sha256: string, name: string): Promise<Program | undefined> {
  if (path === '') return undefined
  const program = await readProgram(host, path, name).catch(() => undefined)
  return program?.sha256 === sha256 ? program : undefined
}

async function storedProgram(host: ProgramHost, store: Store, sha256: string, name: string): Promise<Program> {
  const bytes = await loadModule(store, sha256)
  if (bytes !== undefined) return { bytes, sha256: await host.sha256(bytes), name }
  throw new StasisError(
    'STASIS_MODULE_MISSING',
    `The store ${store.url} does not have the module ${name} (SHA-256 ${sha256}). Give the module that the session was started with.`,
    { name, sha256 },
  )
}

export function checkPrelinker({ prelink: { version } }: Manifest, { location }: StoredImage): void {
  if (version === prelinkVersion) return
  throw new StasisError(
    'STASIS_PRELINK_VERSION',
    `The checkpoint ${location} was taken by version ${version} of the pre-linker, and this build of Stasis has version ` +
      `${prelinkVersion}. Restore it with the Stasis that wrote it.`,
    { version, supported: prelinkVersion },
  )
}
