import { statSync } from 'node:fs'
import { parseAddress } from '../../runtime/store/address.ts'
import { loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { openStore } from '../open-store.ts'
import { readInput } from './inputs.ts'
import { lookUp } from './look-up.ts'
import { locateStore } from './store-place.ts'

/** The bytes of a checkpoint's image: a version of a session, or a file. */
export async function readImage(subject: string, store: string | undefined): Promise<Uint8Array> {
  if (statSync(subject, { throwIfNoEntry: false })?.isFile()) return readInput(subject, 'the file')
  const address = parseAddress(subject)
  const opened = await openStore(locateStore(store).url)
  return (await lookUp(opened, address.name, () => loadCheckpoint(opened, address))).bytes
}
