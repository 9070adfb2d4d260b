import { statSync } from 'node:fs'
import { parseAddress } from '../../runtime/store/address.ts'
import { loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { imageOfExport } from '../../runtime/transfer/export/check-export.ts'
import { isExported } from '../../runtime/transfer/export/import-session.ts'
import { exportHost } from '../sessions.ts'
import { readInput } from './inputs.ts'
import { lookUp } from './look-up.ts'
import { openPlace, type StoreValues } from './open-place.ts'

/** The bytes of a checkpoint's image: a version of a session, or a file, also that of an exported session. */
export async function readImage(subject: string, values: StoreValues): Promise<Uint8Array> {
  if (statSync(subject, { throwIfNoEntry: false })?.isFile()) return readImageFile(subject)
  const address = parseAddress(subject)
  const opened = await openPlace(values)
  return (await lookUp(opened, address.name, () => loadCheckpoint(opened, address))).bytes
}

/** What a file holds; of an exported session its image. Throws STASIS_FILE, and of an exported session STASIS_EXPORT_*. */
export async function readImageFile(path: string): Promise<Uint8Array> {
  const bytes = readInput(path, 'the file')
  return isExported(bytes) ? imageOfExport(exportHost, [bytes]) : bytes
}
