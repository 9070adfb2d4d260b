import { StasisError } from '../../../wasm-shim/errors.ts'
import type { CarriedFile } from '../../../wasm-shim/wasi/carried.ts'
import { decodeCarried } from '../../image/decode.ts'
import { formatAddress } from '../../store/address.ts'
import { readStored, type StoredImage } from '../../store/checkpoints.ts'
import type { Store } from '../../store/store.ts'
import { tell } from '../launch.ts'
import type { MountGrant } from '../messages.ts'
import type { RestoreOptions } from '../options.ts'
import { restoreFiles } from '../restore-files.ts'
import type { RestorePoint } from '../restore-plan.ts'
import type { SessionHost } from '../session-host.ts'
import { compareFiles, type Difference } from './compare-files.ts'
import { madeLater } from './made-later.ts'
import { putBack } from './put-back.ts'

type HostGrant = Extract<MountGrant, { host: string }>

/**
 * Before a program goes on from a checkpoint with nothing behind it: compares the granted directories with what it carries,
 * and does with differences what `files` says. True where they are as the checkpoint has them, or are to stay as they are.
 * Throws STASIS_FILE_MISSING or STASIS_FILE_CHANGED with all that differs, and before anything is changed
 * STASIS_FILES_UNKNOWN.
 */
export async function settleFiles(
  host: SessionHost,
  store: Store,
  { base, tail }: RestorePoint,
  options: RestoreOptions,
): Promise<boolean> {
  const { files: way = 'refuse', mounts = [] } = options
  if (base.kind !== 'image' || tail.length > 0) return false
  if (options.allowChangedFiles === true || way === 'keep') return true
  const carried = readStored(base.image, decodeCarried)
  if (carried === undefined || !carried.isComplete || carried.content === 'left out') {
    if (way !== 'restore') return false
    await restoreByLog(host, store, base.image, options)
    return true
  }
  const { openDirectory } = host
  const granted = mounts.filter((mount): mount is HostGrant => 'host' in mount && mount.overlay !== true)
  if (openDirectory === undefined || granted.length === 0) return false
  const restored = { written: 0, removed: 0 }
  const later = way === 'restore' ? await madeLater(store, base.image, base.manifest) : undefined
  for (const mount of granted) {
    const own = carried.files.filter((file) => file.mount === mount.guest)
    const fs = openDirectory(mount.host)
    try {
      if (later === undefined || mount.readOnly === true)
        refuseDifferent(mount, compareFiles(fs, own, carried.contents))
      else putBack(fs, own, carried.contents, goneAt(own, later.get(mount.guest) ?? []), restored)
    } finally {
      fs.close?.()
    }
  }
  if (later !== undefined) tell(options, { kind: 'filesRestored', ...restored })
  // Files below an overlay were not looked at.
  const looked = new Set(granted.map(({ guest }) => guest))
  return carried.files.every(({ mount, type, content }) => looked.has(mount) && (type !== 'file' || content !== null))
}

async function restoreByLog(
  host: SessionHost,
  store: Store,
  image: StoredImage,
  options: RestoreOptions,
): Promise<void> {
  const { written, removed } = await restoreFiles(host, store, formatAddress(image.address), options.mounts ?? [])
  tell(options, { kind: 'filesRestored', written, removed })
}

/** Names that are not to be there: removed before the checkpoint, or made behind it. */
function goneAt(own: readonly CarriedFile[], later: readonly string[]): readonly string[] {
  const there = new Set(own.filter(({ state }) => state !== 'removed').map(({ path }) => path))
  const removed = own.filter(({ state }) => state === 'removed').map(({ path }) => path)
  return [...removed, ...later].filter((path) => !there.has(path))
}

function refuseDifferent({ guest, host }: HostGrant, differences: readonly Difference[]): void {
  if (differences.length === 0) return
  const isMissing = differences.some(({ kind }) => kind === 'missing')
  const shown = differences.slice(0, 20).map(({ path, kind }) => `  ${guest}/${path} is ${kind}`)
  const more = differences.length > shown.length ? `\n  and ${differences.length - shown.length} more` : ''
  throw new StasisError(
    isMissing ? 'STASIS_FILE_MISSING' : 'STASIS_FILE_CHANGED',
    `Files that the session has written or holds open are not in ${host} as the checkpoint has them:\n${shown.join('\n')}${more}\nPut them back as they were with --files restore, or go on with them as they are with --files keep.`,
    { problems: differences.length, subjects: differences.map(({ path }) => `${guest}/${path}`).join('\n') },
  )
}
