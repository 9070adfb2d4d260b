import { StasisError } from '../../wasm-shim/errors.ts'
import { decodeCheckpoint } from '../image/decode.ts'
import { decodeDataHeader } from '../store/checkpoint-file/headers.ts'
import { dataHeaderSize } from '../store/checkpoint-file/layout.ts'
import { listVersions, loadCheckpoint, readStored } from '../store/checkpoints.ts'
import { neededModules } from '../store/session-blobs.ts'
import { crc32, readerOf } from '../store/session-versions/blobs.ts'
import { readSessionFile } from '../store/session-versions/session-file.ts'
import { loadStart } from '../store/start-record.ts'
import type { Store } from '../store/store.ts'
import { moduleHash } from './session-blobs.ts'

const header = { file: 'data', offset: 0, length: dataHeaderSize } as const

/**
 * Looks at a session that was received, before anything of it is put in place: every checkpoint must be whole and every
 * module that it needs there. `checked`: versions that need not be looked at again; those that are right are added.
 */
export async function checkReceived(view: Store, session: string, checked: Set<number>): Promise<void> {
  const start = await loadStart(view, session)
  const versions = await listVersions(view, session)
  if (start === undefined && versions.length === 0) {
    throw new StasisError('STASIS_TRANSFER_EMPTY', `There is nothing to go on from in what was sent of ${session}.`, {
      session,
    })
  }
  // Of one's own file as much as possible is used; of a stranger's nothing that is not whole.
  const file = await readSessionFile(view, session)
  if (file?.error !== undefined) throw file.error
  if (file !== undefined) decodeDataHeader(await readerOf(view, session)(header), crc32)
  for (const { version, content } of versions) {
    if (checked.has(version)) continue
    if (content.kind === 'damaged') throw content.error
    readStored(await loadCheckpoint(view, { name: session, version }), decodeCheckpoint)
    checked.add(version)
  }
  const present = new Set((await view.list('modules/')).map(({ name }) => moduleHash(name)))
  const missing = [...(await neededModules(view, session))].find((sha256) => !present.has(sha256))
  if (missing === undefined) return
  const message = `The module of ${session} (SHA-256 ${missing}) was not sent, since the sender does not have it. Take a checkpoint there first: stasis checkpoint ${session}.`
  throw new StasisError('STASIS_MODULE_MISSING', message, { session, sha256: missing })
}
