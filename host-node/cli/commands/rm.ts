import { parseAddress, resolveVersion } from '../../../runtime/store/address.ts'
import { listSessions, listVersions, removeSession, removeVersions } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { defineCommand } from '../command.ts'
import { plural } from '../format.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { flag } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { UsageError } from '../usage-error.ts'
import { withLock } from '../with-lock.ts'

export const rmCommand = defineCommand({
  name: 'rm',
  summary: 'Remove sessions, or single versions of them.',
  operands: 'NAME[@VERSION]...',
  count: [0, Number.POSITIVE_INFINITY],
  description: [
    'Removes checkpoints for good, with the call log where the whole session goes, and modules that nobody needs any more. Sessions that are running are refused. ' +
      'Versions keep their numbers.',
  ],
  options: {
    all: flag('Remove every session that is not running.'),
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis rm calc', does: 'all versions of calc' },
    { line: 'stasis rm calc@1 calc@2', does: 'two of them' },
  ],
  run: async ({ values, operands, terminal }) => {
    if (values.all === operands.length > 0)
      throw new UsageError(
        values.all ? '--all and names exclude each other.' : 'Name what to remove, or say --all.',
        'rm',
      )
    const store = await openPlace(values)
    const targets = values.all ? await suspendedSessions(store) : await resolveOperands(store, operands)
    const removed: { name: string; versions: readonly number[] }[] = []
    for (const [name, versions] of targets) removed.push({ name, versions: await remove(store, name, versions) })
    if (values.json) terminal.out(JSON.stringify({ removed }))
    else
      for (const { name, versions } of removed) terminal.out(`Removed ${name}: ${plural(versions.length, 'version')}.`)
    return 0
  },
})

/** Session names with the versions to remove. */
type Target = ReadonlySet<number> | 'all'
type Targets = ReadonlyMap<string, Target>

async function suspendedSessions(store: Store): Promise<Targets> {
  const sessions = (await listSessions(store)).filter(({ owner }) => owner === undefined)
  return new Map(sessions.map(({ name }) => [name, 'all']))
}

/** Everything is looked up before anything is removed: @-1 means what it meant when it was typed. */
async function resolveOperands(store: Store, operands: readonly string[]): Promise<Targets> {
  const targets = new Map<string, Target>()
  const known = new Set((await listSessions(store)).map(({ name }) => name))
  for (const operand of operands) {
    const address = parseAddress(operand)
    const before = targets.get(address.name) ?? new Set<number>()
    if (before === 'all') continue
    if (!operand.includes('@') && known.has(address.name)) {
      targets.set(address.name, 'all')
      continue
    }
    const versions = (await listVersions(store, address.name)).map((info) => info.version)
    const chosen = await lookUp(store, address.name, async () => resolveVersion(versions, address))
    targets.set(address.name, new Set([...before, chosen]))
  }
  return targets
}

async function remove(store: Store, name: string, versions: Target): Promise<readonly number[]> {
  return withLock(store, name, () =>
    versions === 'all' ? removeSession(store, name) : removeVersions(store, name, (info) => versions.has(info.version)),
  )
}
