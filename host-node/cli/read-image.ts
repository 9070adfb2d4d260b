import { statSync } from 'node:fs'
import { parseAddress } from '../../runtime/store/address.ts'
import { loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { readInput } from './inputs.ts'
import { lookUp } from './look-up.ts'
import { openPlace, type StoreValues } from './open-place.ts'

/** The bytes of a checkpoint's image: a version of a session, or a file. */
export async function readImage(subject: string, values: StoreValues): Promise<Uint8Array> {
  if (statSync(subject, { throwIfNoEntry: false })?.isFile()) return readInput(subject, 'the file')
  const address = parseAddress(subject)
  const opened = await openPlace(values)
  return (await lookUp(opened, address.name, () => loadCheckpoint(opened, address))).bytes
}
