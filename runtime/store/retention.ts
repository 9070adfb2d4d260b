import { hex } from '../../wasm-shim/bytes/arrays.ts'
import { listVersions, removeUnusedModules, removeVersions, type VersionInfo } from './checkpoints.ts'
import { hasRules, keptVersions, type RetentionRules } from './kept.ts'
import { chunkName, type LogSegment, listSegments, removedChunk, sessionFolder } from './session-log.ts'
import { loadStart, removeStart, saveStart } from './start-record.ts'
import type { Store } from './store.ts'

/** Of the checkpoints that a session takes by itself, so many stay: the older one for the case that the newest is damaged. */
const keptKeyframes = 2

const idOf = ({ content }: VersionInfo): string | undefined =>
  content.kind === 'intact' ? content.manifest.session.id : undefined

const callsOf = ({ content }: VersionInfo): number => (content.kind === 'intact' ? content.manifest.calls : 0)

export async function hasCheckpoints(store: Store, session: string, id: string): Promise<boolean> {
  return (await listVersions(store, session)).some((version) => idOf(version) === id)
}

/** What a session keeps while it runs. */
export interface RunRetention {
  readonly rules?: RetentionRules
  /** Keep the log of what came before the last checkpoints, and with it the keyframes. */
  readonly keepLog?: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Removes a run's older keyframes, what the rules do not keep of all versions, and the log of what came before the run's last
 * two checkpoints.
 */
export async function dropUnneeded(
  store: Store,
  session: string,
  id: string,
  { rules = {}, keepLog = false, now }: RunRetention,
): Promise<void> {
  const versions = await listVersions(store, session)
  const isOwn = (version: VersionInfo) => idOf(version) === id
  const isKeyframe = ({ content }: VersionInfo) => content.kind === 'intact' && content.manifest.cause === 'keyframe'
  const keyframes = keepLog ? [] : versions.filter(isOwn).slice(0, -keptKeyframes).filter(isKeyframe)
  const numbers = new Set([...keyframes, ...unkept(versions, rules, now)].map(({ version }) => version))
  if (numbers.size > 0) await removeVersions(store, session, ({ version }) => numbers.has(version))
  if (keepLog) return
  const left = versions.filter((version) => isOwn(version) && !numbers.has(version.version))
  // Where the rules keep a single one, that is what the log has to follow.
  const older = left.at(-keptKeyframes) ?? (hasRules(rules) ? left.at(-1) : undefined)
  if (older === undefined) return
  const calls = callsOf(older)
  await removeSegments(store, session, ({ run, firstCall }) => run === id.slice(0, 8) && firstCall < calls)
}

/** Versions that the rules do not keep. Damaged ones, whose time is not known, are left alone. */
export function unkept(versions: readonly VersionInfo[], rules: RetentionRules, now: number): VersionInfo[] {
  const intact = versions.flatMap((info) =>
    info.content.kind === 'intact' ? [{ info, version: info.version, time: info.content.manifest.time }] : [],
  )
  const kept = keptVersions(intact, rules, now)
  return intact.filter(({ version }) => !kept.has(version)).map(({ info }) => info)
}

/** Of a program that has ended: its checkpoints stay, without what it did after the newest. */
export async function dropTail(store: Store, session: string, id: string, code: number): Promise<void> {
  const newest = (await listVersions(store, session)).filter((version) => idOf(version) === id).at(-1)
  if (newest === undefined) return removeRun(store, session, id)
  const calls = callsOf(newest)
  const start = await loadStart(store, session).catch(() => undefined)
  const isOurs = start?.id === id
  // Who dies meanwhile has left no more than a part of the log, which must not be followed.
  if (isOurs) await saveStart(store, session, { ...start, ended: code })
  await removeSegments(store, session, ({ run, firstCall }) => run === id.slice(0, 8) && firstCall >= calls)
  if (isOurs) await saveStart(store, session, start)
}

/** Of a program that has ended, whose log is kept: it is not to be rolled forward to its end. */
export async function markEnded(store: Store, session: string, id: string, code: number): Promise<void> {
  const start = await loadStart(store, session)
  if (start?.id === id) await saveStart(store, session, { ...start, ended: code })
}

/**
 * Removes all that one run of a session has left: its checkpoints and its log; with the last run, all of the session. Who
 * dies meanwhile leaves what is rolled forward to the program's end, or what cannot be restored: first goes how the
 * session began, then the checkpoints, the oldest first, then the log.
 */
export async function removeRun(store: Store, session: string, id: string): Promise<void> {
  const start = await loadStart(store, session).catch(() => undefined)
  if (start?.id === id) await removeStart(store, session)
  await removeVersions(store, session, (version) => idOf(version) === id)
  if ((await listVersions(store, session)).length > 0) {
    await removeSegments(store, session, ({ run }) => run === id.slice(0, 8))
    return
  }
  const blobs = await store.list(sessionFolder(session))
  for (const { name } of blobs) await store.delete(name)
  if (blobs.length > 0) await removeUnusedModules(store)
}

/** Removes segments, and the chunks that only they need. The session may be running, and write to its newest segment. */
export async function removeSegments(
  store: Store,
  session: string,
  which: (segment: LogSegment) => boolean,
): Promise<void> {
  const removed = (await listSegments(store, session)).filter(which)
  const unneeded = new Set<string>()
  for (const { blob } of removed) {
    for (const address of await neededChunks(store, blob)) unneeded.add(address)
    await store.delete(blob)
    await store.delete(`${blob}.chunks`)
  }
  await dropNeeded(store, session, unneeded)
  const names = [...unneeded].map((address) => [address, chunkName(session, address)] as const)
  // Who needs a chunk notes that first and then looks whether it is there. So either it will be made anew, since it is
  // not found under its name, or the note is found here.
  for (const [, name] of names) await store.rename(name, removedChunk(name))
  await dropNeeded(store, session, unneeded)
  for (const [address, name] of names) {
    if (unneeded.has(address)) await store.delete(removedChunk(name))
    else await store.rename(removedChunk(name), name)
  }
}

/** Takes the addresses that segments need out of a set. */
async function dropNeeded(store: Store, session: string, addresses: Set<string>): Promise<void> {
  if (addresses.size === 0) return
  for (const { blob } of await listSegments(store, session)) {
    for (const address of await neededChunks(store, blob)) addresses.delete(address)
  }
}

const addressBytes = 32

/** The addresses beside a segment, 64 hexadecimal digits each. */
export async function neededChunks(store: Store, segment: string): Promise<readonly string[]> {
  const bytes = (await store.get(`${segment}.chunks`)) ?? new Uint8Array(0)
  const digits = hex(bytes)
  const count = Math.floor(bytes.length / addressBytes)
  return Array.from({ length: count }, (_, i) => digits.slice(i * addressBytes * 2, (i + 1) * addressBytes * 2))
}
