import { encode } from 'cborg'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { decodeCheckpoint } from '../../image/decode.ts'
import { encodeCheckpoint } from '../../image/encode.ts'
import { findProgram, type ProgramHost } from '../../session/program.ts'
import { type RestorePoint, restorePoints } from '../../session/restore-plan.ts'
import type { SessionHost } from '../../session/session-host.ts'
import type { Address } from '../../store/address.ts'
import { readStored } from '../../store/checkpoints.ts'
import { checkWhole } from '../../store/lease.ts'
import { neededChunks } from '../../store/retention.ts'
import { chunkName, sessionFolder } from '../../store/session-log.ts'
import { startBlob } from '../../store/start-record.ts'
import type { Store } from '../../store/store.ts'
import { withoutModulePages } from './module-pages.ts'
import { ExportWriter } from './write-export.ts'

/** What exporting and importing need of a host. */
export type ExportHost = ProgramHost & Pick<SessionHost, 'uuid'>

/**
 * A session's newest state (with the log behind its newest checkpoint), or one version of it, in one file: module, image
 * and what the log needs. Compressed. The same content gives the same bytes. Throws STASIS_SESSION_BUSY where the newest
 * state of a running session is asked for, STASIS_VERSION_UNKNOWN, STASIS_MODULE_MISSING.
 */
export async function* exportSession(host: ProgramHost, store: Store, address: Address): AsyncGenerator<Uint8Array> {
  if (address.version === 0 && (await store.owners()).has(address.name)) throw running(address.name)
  await checkWhole(store, address.name)
  const [first] = await restorePoints(store, address)
  const point = await first!()
  if (point.instead !== undefined) throw point.instead
  const { base } = point
  const module = await findProgram(host, store, base.kind === 'image' ? base.manifest : base.start, undefined)
  const log = await logOf(store, address.name, point)
  const writer = new ExportWriter()
  yield writer.header()
  yield* writer.entry('session', address.name, new Uint8Array(0), false)
  yield* writer.entry('module', module.sha256, module.bytes, true)
  for (const chunk of log.chunks) {
    const bytes = await store.get(chunkName(address.name, chunk))
    if (bytes !== undefined) yield* writer.entry('chunk', chunk, bytes, true)
  }
  for (const name of log.names) {
    const bytes = await store.get(`${sessionFolder(address.name)}${name}`)
    if (bytes !== undefined) yield* writer.entry('log', name, bytes, true)
  }
  if (base.kind === 'start') yield* writer.entry('start', '', (await store.get(startBlob(address.name)))!, false)
  else {
    const { checkpoint, runs } = readStored(base.image, (bytes) =>
      withoutModulePages(decodeCheckpoint(bytes), module.bytes),
    )
    if (runs.length > 0) yield* writer.entry('pages', '', encode(runs), true)
    yield* writer.entry('image', '', encodeCheckpoint(checkpoint, { compression: 'deflate' }), false)
  }
  yield* writer.end()
}

async function logOf(store: Store, session: string, { tail }: RestorePoint) {
  const segments = tail.map(({ name }) => name)
  const chunks = new Set<string>()
  for (const name of segments) {
    for (const address of await neededChunks(store, `${sessionFolder(session)}${name}`)) chunks.add(address)
  }
  return { names: segments.flatMap((name) => [name, `${name}.chunks`]).sort(), chunks: [...chunks].sort() }
}

function running(session: string): StasisError {
  const message = `The session ${session} is running. Stop it with a checkpoint (stasis checkpoint ${session} --stop), or export a version of it: ${session}@1.`
  return new StasisError('STASIS_SESSION_BUSY', message, { session })
}
