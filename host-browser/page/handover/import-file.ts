import { readManifest } from '../../../runtime/image/decode.ts'
import { magic as imageMagic } from '../../../runtime/image/layout.ts'
import type { Manifest } from '../../../runtime/image/manifest.ts'
import { listSessions, loadModule, saveCheckpoint, saveModule } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { isExported, nameOfExported } from '../../../runtime/transfer/export/import-session.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { Session } from '../../sessions.ts'
import { freeName } from '../program.ts'

const moduleMagic = Uint8Array.of(0x00, 0x61, 0x73, 0x6d)

const startsWith = (bytes: Uint8Array, magic: Uint8Array): boolean => magic.every((byte, at) => bytes[at] === byte)

/** What a file is, by its first bytes. */
export function kindOf(bytes: Uint8Array): 'module' | 'image' | 'session' | 'other' {
  if (isExported(bytes)) return 'session'
  if (startsWith(bytes, moduleMagic)) return 'module'
  return startsWith(bytes, imageMagic) ? 'image' : 'other'
}

/**
 * Puts a checkpoint image into the store as a session of its own, and resolves to its name. `module`: where the store may
 * not have it. Throws STASIS_IMAGE_*, STASIS_MODULE_MISSING.
 */
export async function importImage(
  store: Store,
  image: Uint8Array,
  name?: string,
  module?: () => Promise<Uint8Array>,
): Promise<string> {
  const manifest = readManifest(image)
  const taken = new Set((await listSessions(store)).map((session) => session.name))
  const own = name ?? freeName(manifest.session.name, taken)
  await provideModule(store, manifest, module)
  const lock = await store.lock(own)
  try {
    await saveCheckpoint(store, own, [image])
  } finally {
    await lock.release()
  }
  return own
}

async function provideModule(store: Store, { module: { sha256, name } }: Manifest, get?: () => Promise<Uint8Array>) {
  if ((await loadModule(store, sha256)) !== undefined) return
  if (get === undefined) {
    const message = `The checkpoint needs its program ${name}, which is not in this browser. Drop that .wasm file first, or a .stasis file, which has both.`
    throw new StasisError('STASIS_MODULE_MISSING', message, { sha256, name })
  }
  await saveModule(store, sha256, await get())
}

/** Puts a saved session into the store, and resolves to its name. Throws STASIS_EXPORT_*, STASIS_IMAGE_*. */
export async function importSession(store: Store, bytes: Uint8Array, name?: string): Promise<string> {
  if (name !== undefined) return Session.import(store, [bytes], { name })
  const taken = new Set((await listSessions(store)).map((session) => session.name))
  return Session.import(store, [bytes], { name: freeName(await nameOfExported(bytes), taken) })
}
