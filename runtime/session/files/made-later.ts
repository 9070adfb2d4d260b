import { StasisError } from '../../../wasm-shim/errors.ts'
import type { CarriedFile } from '../../../wasm-shim/wasi/carried.ts'
import { decodeCarried } from '../../image/decode.ts'
import type { Manifest } from '../../image/manifest.ts'
import { listVersions, loadCheckpoint, readStored, type StoredImage } from '../../store/checkpoints.ts'
import type { Store } from '../../store/store.ts'

/**
 * Paths, by the guest's name of their mount, that the session has made behind a checkpoint, as far as its later checkpoints
 * tell. Throws StasisError STASIS_FILES_UNKNOWN where it has then changed or removed what was there before, since what that
 * held is not known.
 */
export async function madeLater(
  store: Store,
  image: StoredImage,
  manifest: Manifest,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { name, version } = image.address
  const own = readStored(image, decodeCarried)?.files ?? []
  const known = new Set(own.filter(({ state }) => state !== 'open').map(key))
  const made = new Map<string, string[]>()
  const lost = new Set<string>()
  for (const later of await listVersions(store, name)) {
    const { content } = later
    if (later.version <= version || content.kind === 'damaged') continue
    // Another history of the same name, or one that this one comes from.
    if (content.manifest.session.id !== manifest.session.id || content.manifest.calls < manifest.calls) continue
    const stored = await loadCheckpoint(store, { name, version: later.version })
    for (const file of readStored(stored, decodeCarried)?.files ?? []) {
      if (file.state === 'open' || known.has(key(file))) continue
      if (file.state === 'created' || file.state === 'created-directory' || isBelow(file, own)) add(made, file)
      else lost.add(`${file.mount}/${file.path}`)
    }
  }
  if (lost.size === 0) return made
  const files = [...lost].sort()
  throw new StasisError(
    'STASIS_FILES_UNKNOWN',
    `${name} has changed files behind this checkpoint that it had not touched before, and what they held is not known: ${files.join(', ')}. Put them back yourself and restore with --files keep.`,
    { name, files: files.join('\n') },
  )
}

const key = ({ mount, path }: CarriedFile): string => `${mount}\0${path}`

/** In a directory that the session made before the checkpoint: nothing but the session's was in it. */
function isBelow(file: CarriedFile, own: readonly CarriedFile[]): boolean {
  return own.some(
    ({ mount, path, state }) =>
      state === 'created-directory' && mount === file.mount && file.path.startsWith(`${path}/`),
  )
}

function add(made: Map<string, string[]>, { mount, path }: CarriedFile): void {
  const paths = made.get(mount)
  if (paths === undefined) made.set(mount, [path])
  else paths.push(path)
}
