import type { SessionEvent } from '../../runtime/session/events.ts'
import type { Recovered } from '../../runtime/session/messages.ts'
import type { LeftRegion } from '../../wasm-shim/guest-abi/state.ts'
import { plural, printable } from './format.ts'
import { complaint, tell } from './supervise.ts'
import type { Terminal } from './terminal.ts'

/** Whoever asked is told in person. */
const ourCauses: ReadonlySet<string> = new Set(['request', 'signal', 'interval'])

/** Tells of what nobody asked for: what was done again, checkpoints by a trigger that failed, a full disk. */
export function reportEvents(terminal: Terminal): (event: SessionEvent) => void {
  return (event) => {
    switch (event.kind) {
      case 'checkpoint':
      case 'state':
      case 'files':
      case 'slower':
        return
      case 'engine':
        if (event.reason !== undefined) tell(describeEngine(event.reason), terminal)
        return
      case 'refused': {
        if (ourCauses.has(event.cause)) return
        const isEnd = event.cause === 'end'
        const what = isEnd ? 'The session’s files could not all be removed.' : 'No checkpoint was taken.'
        terminal.err(complaint(what, event.error, terminal))
        return
      }
      case 'recovered':
        if (event.to > event.from || event.repeated !== undefined || event.loss !== undefined)
          tell(describeRecovery(event), terminal)
        return
      case 'inMemory':
        for (const { guest, files } of event.mounts) {
          const carried = `with the ${plural(files, 'file')} that the checkpoint carries`
          const what = `${guest} was a directory of the host and is not granted, so it is one in memory now, ${carried}.`
          const remedy = `To go on in a directory, restore with --dir HOST::${guest}; "stasis files" takes files out.`
          tell(`${what} Files that it does not carry are missing. ${remedy}`, terminal)
        }
        return
      case 'regionsLeft':
        tell(describeLeft(event.regions), terminal)
        return
      case 'filesRestored': {
        const { written, removed } = event
        tell(
          `Put files back: ${plural(written, 'file')} written, ${plural(removed, 'entry', 'entries')} removed.`,
          terminal,
        )
        return
      }
      case 'fellBack':
        terminal.err(complaint(`The newest state cannot be used; going on from ${event.to}.`, event.error, terminal))
        return
      case 'heldOff':
        tell(heldOff, terminal)
        return
      case 'logFull':
        tell(event.waiting ? describeFull(event.reason) : 'There is room for the call log again: going on.', terminal)
        return
    }
  }
}

function describeRecovery({ from, to, repeated, stdinRead, loss }: Recovered): string {
  const parts = [`Rolled forward by the call log: ${plural(to - from, 'call')}, to call ${to.toLocaleString('en-US')}.`]
  if (repeated !== undefined) parts.push(`What the last ${repeated} wrote may be seen twice.`)
  if (stdinRead > 0) parts.push(`The program had read ${plural(stdinRead, 'byte')} of its stdin.`)
  if (loss !== undefined) {
    const where = loss.offset === undefined ? `call ${loss.call}` : `byte ${loss.offset}`
    parts.push(`What followed in ${loss.segment} from ${where} on is lost: ${loss.reason}.`)
  }
  return parts.join(' ')
}

function describeLeft(regions: readonly LeftRegion[]): string {
  const names = regions.map(({ name, length }) => `${printable(name)} (${plural(length, 'byte')})`).join(', ')
  const what =
    regions.length === 1 ? 'A region was carried here and not taken' : 'Regions were carried here and not taken'
  return (
    `${what}: ${names}. The program has registered none of that name with that length, or a migration from it. ` +
    'Give its region that name (ckpRegister) or say how to get there (ckpMigrate); the old session still has the content.'
  )
}

const describeEngine = (reason: string): string =>
  `Running log-only, without checkpoints; what brings the session back is its call log. ${reason}`

const heldOff =
  'The program does not want a checkpoint at the moment (ckp_disable): it is taken as soon as the program allows it. ' +
  'Ctrl-C ends the program.'

const describeFull = (reason: string): string =>
  `There is no room for the call log, so the program stands still until there is (${reason}). ` +
  'Free some space, or end it with Ctrl-C: everything so far is intact.'
