import { listSessions, type SessionInfo, type VersionInfo } from '../../../runtime/store/checkpoints.ts'
import { type Lease, loadLease, mayRun } from '../../../runtime/store/lease.ts'
import { defineCommand } from '../command.ts'
import { formatSize, formatTable, formatTime, plural, printable } from '../format.ts'
import { unknownSession } from '../look-up.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import type { Terminal } from '../terminal.ts'

export const lsCommand = defineCommand({
  name: 'ls',
  summary: 'List sessions, or the versions of one.',
  operands: '[NAME]',
  count: [0, 1],
  description: [
    'One line a session: how many checkpoints it has, when and why the newest was taken, what they and the call log ' +
      'occupy, and whether a process runs it now. "interrupted" is one whose process died, "ended" one whose log was kept. With NAME: one line a checkpoint, with the size of its image and the bytes that it added to the store.',
  ],
  options: { store: storeOption, ...encryptionOptions, json: jsonOption },
  examples: [
    { line: 'stasis ls', does: 'all sessions of this directory’s store' },
    { line: 'stasis ls calc', does: 'the versions of calc, to pick one for "stasis restore calc@2"' },
    { line: 'stasis ls --json', does: 'for scripts: an array of sessions with their versions' },
  ],
  run: async ({ values, operands: [name], terminal }) => {
    const place = placeOf(values)
    const store = await openPlace(values)
    const sessions = await listSessions(store)
    const found = name === undefined ? sessions : [findSession(sessions, name)]
    const chosen = await Promise.all(
      found.map(async (session): Promise<Listed> => {
        const lease = await loadLease(store, session.name).catch(() => undefined)
        return lease === undefined ? session : { ...session, lease }
      }),
    )
    if (values.json) terminal.out(JSON.stringify(chosen.map(sessionJson)))
    else if (chosen.length === 0) terminal.err(`No sessions in ${place.url.replace(/^file:/, '')}.`)
    else terminal.out(name === undefined ? sessionTable(chosen, terminal) : versionTable(chosen[0] as Listed, terminal))
    return 0
  },
})

interface Listed extends SessionInfo {
  readonly lease?: Lease
}

function findSession(sessions: readonly SessionInfo[], name: string): SessionInfo {
  const found = sessions.find((session) => session.name === name)
  if (found !== undefined) return found
  throw unknownSession(name, sessions)
}

function sessionTable(sessions: readonly Listed[], terminal: Terminal): string {
  const rows = sessions.map((session) => {
    const newest = session.versions.at(-1)
    return [
      session.name,
      String(session.versions.length),
      ...(newest === undefined ? ['-', '-'] : [timeOf(newest), causeOf(newest)]),
      formatSize(session.versions.reduce((sum, version) => sum + version.added, 0)),
      session.log === undefined ? '-' : formatSize(session.log.bytes),
      stateOf(session, terminal),
    ]
  })
  return formatTable(
    [
      { title: 'NAME' },
      { title: 'VERSIONS', align: 'right' },
      { title: 'NEWEST' },
      { title: 'CAUSE' },
      { title: 'SIZE', align: 'right' },
      { title: 'LOG', align: 'right' },
      { title: 'STATE' },
    ],
    rows,
  )
}

function versionTable(session: Listed, terminal: Terminal): string {
  const rows = session.versions.map((version) => [
    `${session.name}@${version.version}`,
    timeOf(version),
    causeOf(version),
    formatSize(version.size),
    formatSize(version.added),
    version.content.kind === 'intact'
      ? printable(version.content.manifest.label ?? '')
      : terminal.style('red', version.content.error.message),
  ])
  const table = formatTable(
    [
      { title: 'VERSION' },
      { title: 'TIME' },
      { title: 'CAUSE' },
      { title: 'SIZE', align: 'right' },
      { title: 'ADDED', align: 'right' },
      { title: 'LABEL' },
    ],
    rows,
  )
  return `${session.name}: ${plural(rows.length, 'version')}, ${stateOf(session, terminal)}\n\n${table}`
}

function timeOf({ content }: VersionInfo): string {
  return content.kind === 'intact' ? formatTime(content.manifest.time) : '-'
}

function causeOf({ content }: VersionInfo): string {
  return content.kind === 'intact' ? printable(content.manifest.cause) : 'damaged'
}

function stateOf(session: Listed, terminal: Terminal): string {
  const { owner, lease } = session
  if (owner === undefined && lease !== undefined && !mayRun(lease)) return leaseState(lease)
  return owner === undefined ? restingState(session) : terminal.style('green', `running, process ${owner.pid}`)
}

/** Of a session that does not run from this store. */
function leaseState({ state, peer, confirmed }: Lease): string {
  const where = printable(peer) || 'elsewhere'
  switch (state) {
    case 'moved':
      return `moved to ${where}${confirmed ? '' : ', not confirmed'}`
    case 'copy':
      return `copy of ${where}`
    case 'received':
      return `received from ${where}, not confirmed`
    default:
      return `incomplete, from ${where}`
  }
}

/** 'interrupted': its process died, and the log tells what it did after its newest checkpoint. */
function restingState({ log, versions, ended }: SessionInfo): 'ended' | 'suspended' | 'interrupted' {
  if (ended !== undefined) return 'ended'
  return (log?.tail ?? 0) > 0 || versions.length === 0 ? 'interrupted' : 'suspended'
}

function sessionJson(session: Listed) {
  const { name, owner, versions, log, ended, lease } = session
  return {
    name,
    state: owner === undefined ? restingState(session) : ('running' as const),
    ...(owner !== undefined && { pid: owner.pid, host: owner.host, since: owner.since }),
    ...(lease !== undefined && { lease: { state: lease.state, peer: lease.peer, epoch: lease.epoch } }),
    ...(log !== undefined && { log }),
    ...(ended !== undefined && { code: ended }),
    versions: versions.map(({ version, size, added, location, content }) => ({
      version,
      size,
      added,
      location,
      ...(content.kind === 'intact'
        ? {
            time: content.manifest.time,
            cause: content.manifest.cause,
            ...(content.manifest.label !== undefined && { label: content.manifest.label }),
            calls: content.manifest.calls,
            module: content.manifest.module,
          }
        : { error: { code: content.error.code, message: content.error.message } }),
    })),
  }
}
