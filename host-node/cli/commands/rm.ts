import { parseAddress, resolveVersion } from '../../../runtime/store/address.ts'
import { listSessions, listVersions, removeVersions } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { openStore } from '../../open-store.ts'
import { defineCommand } from '../command.ts'
import { plural } from '../format.ts'
import { lookUp } from '../look-up.ts'
import { flag } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { locateStore } from '../store-place.ts'
import { UsageError } from '../usage-error.ts'

export const rmCommand = defineCommand({
  name: 'rm',
  summary: 'Remove sessions, or single versions of them.',
  operands: 'NAME[@VERSION]...',
  count: [0, Number.POSITIVE_INFINITY],
  description: [
    'Removes checkpoints for good, and modules that no checkpoint needs any more. Sessions that are running are refused. ' +
      'Versions keep their numbers.',
  ],
  options: {
    all: flag('Remove every session that is not running.'),
    store: storeOption,
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
    const store = await openStore(locateStore(values.store).url)
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
type Targets = ReadonlyMap<string, ReadonlySet<number>>

async function suspendedSessions(store: Store): Promise<Targets> {
  const sessions = (await listSessions(store)).filter(({ owner }) => owner === undefined)
  return new Map(sessions.map(({ name, versions }) => [name, new Set(versions.map((info) => info.version))]))
}

/** Everything is looked up before anything is removed: @-1 means what it meant when it was typed. */
async function resolveOperands(store: Store, operands: readonly string[]): Promise<Targets> {
  const targets = new Map<string, Set<number>>()
  for (const operand of operands) {
    const address = parseAddress(operand)
    const versions = (await listVersions(store, address.name)).map((info) => info.version)
    const chosen = await lookUp(store, address.name, async () => resolveVersion(versions, address))
    const before = targets.get(address.name) ?? []
    targets.set(address.name, new Set([...before, ...(operand.includes('@') ? [chosen] : versions)]))
  }
  return targets
}

async function remove(store: Store, name: string, versions: ReadonlySet<number>): Promise<readonly number[]> {
  const lock = await store.lock(name)
  try {
    return await removeVersions(store, name, (info) => versions.has(info.version))
  } finally {
    await lock.release()
  }
}
