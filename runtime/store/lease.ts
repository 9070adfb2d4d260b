/**
 * Who may run a session: `sessions/<name>/lease.cbor`, one deterministic CBOR map. A session without one was never moved,
 * and is this store's own. A hand-over is decided by its sender: it notes `offered`, the receiver `received`, the sender
 * `moved`, and then the receiver `owned`. Until the sender has noted `moved` it may take the session back, since a receiver
 * never goes on by itself; afterwards it never may. So there is one copy that can run, wherever the connection ends.
 */
import { decode, encode } from 'cborg'
import { StasisError } from '../../wasm-shim/errors.ts'
import { flag, natural, one, record, text } from '../../wasm-shim/wasi/shapes.ts'
import { sessionFolder } from './session-log.ts'
import type { Store } from './store.ts'

export const leaseStates = ['owned', 'offered', 'moved', 'incoming', 'received', 'copy'] as const

export type LeaseState = (typeof leaseStates)[number]

export interface Lease {
  /** Identity of the session over all stores, a UUID; a fork in a store of its own has another one. */
  readonly line: string
  /** How often the right to run has changed hands. */
  readonly epoch: number
  /**
   * `owned`: runs here. `offered`: a hand-over is under way, and can still be taken back. `moved`: runs elsewhere.
   * `incoming`: files are being put in place; what is here is not whole. `received`: all is here, and the sender has not
   * yet said that it let go. `copy`: kept, not run.
   */
  readonly state: LeaseState
  /** Where the other copy is, for people and for asking again: `http://host:port/name`; empty where that is not known. */
  readonly peer: string
  /** Of the latest hand-over, a UUID; empty before the first one. */
  readonly transfer: string
  /** Of `moved`: the other side has said that it is the owner now. */
  readonly confirmed: boolean
}

const format = 1
const longest = 4096

const shape = record<Lease & { format: number }>({
  format: natural(format),
  line: text,
  epoch: natural(Number.MAX_SAFE_INTEGER),
  state: one(leaseStates),
  peer: text,
  transfer: text,
  confirmed: flag,
})

export const leaseName = (session: string): string => `${sessionFolder(session)}lease.cbor`

export async function saveLease(store: Store, session: string, lease: Lease): Promise<void> {
  await store.put(leaseName(session), [encode({ format, ...lease })])
}

/** undefined where the session was never moved. Throws STASIS_LEASE_DAMAGED. */
export async function loadLease(store: Store, session: string): Promise<Lease | undefined> {
  const name = leaseName(session)
  const blob = await store.get(name, { end: longest + 1 })
  if (blob === undefined) return undefined
  try {
    if (blob.length > longest) throw new Error(`it has more than ${longest} bytes`)
    const { format: _, ...lease } = shape(decode(blob, { rejectDuplicateMapKeys: true }), 'lease')
    return lease
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `${store.locate(name)}, which says who may run ${session}, cannot be used: ${reason}. "stasis fork ${session} NEW" makes a session of its own of it.`
    throw new StasisError('STASIS_LEASE_DAMAGED', message, { session }, { cause })
  }
}

/** Whether this store's copy may go on. */
export function mayRun(lease: Lease | undefined): boolean {
  return lease === undefined || lease.state === 'owned' || lease.state === 'offered'
}

/**
 * Before a session goes on; its lock is held, so that no hand-over is under way. One that was offered and not let go is
 * taken back. Throws STASIS_LEASE_MOVED, STASIS_LEASE_RECEIVED, STASIS_LEASE_COPY, STASIS_LEASE_INCOMPLETE with where it is.
 */
export async function claimLease(store: Store, session: string): Promise<void> {
  const lease = await loadLease(store, session)
  if (lease === undefined || lease.state === 'owned') return
  if (lease.state === 'offered') return saveLease(store, session, { ...lease, state: 'owned' })
  throw refusal(session, lease)
}

/** Before a session's state is read for a fork. Throws STASIS_LEASE_INCOMPLETE. */
export async function checkWhole(store: Store, session: string): Promise<void> {
  const lease = await loadLease(store, session).catch(() => undefined)
  if (lease?.state === 'incoming') throw refusal(session, lease)
}

/** Makes the session this store's own, of a new line. The lock is held, and its next checkpoints have a new identity. */
export async function forkLease(store: Store, session: string, line: string): Promise<void> {
  const lease = await loadLease(store, session).catch(() => undefined)
  if (lease?.state === 'incoming') throw refusal(session, lease)
  await saveLease(store, session, { line, epoch: 0, state: 'owned', peer: '', transfer: '', confirmed: true })
}

const isAddress = (peer: string): boolean => /^(https?|wss?):\/\//.test(peer)

/** Why this copy does not go on, and what to do about it. */
export function refusal(session: string, { state, peer, confirmed }: Lease): StasisError {
  const at = peer === '' ? 'elsewhere' : `at ${peer}`
  const fork = `"stasis fork ${session} NEW" makes a session of its own of what is here.`
  const take = isAddress(peer) ? ` Bring it here: stasis pull --take ${peer}.` : ''
  const fields = { session, peer, state }
  switch (state) {
    case 'owned':
    case 'offered':
    case 'moved': {
      const unsure = ` That side has not confirmed it: stasis migrate --resume ${session}.`
      const message = `${session} was moved, and is ${at} now.${confirmed ? take : unsure} ${fork}`
      return new StasisError('STASIS_LEASE_MOVED', message, fields)
    }
    case 'received': {
      const finish = isAddress(peer) ? `stasis pull --take ${peer}` : 'stasis migrate --resume NAME, on that side'
      const message = `${session} was received from ${peer || 'elsewhere'}, which has not said that it let go of it. Finish that: ${finish}. ${fork}`
      return new StasisError('STASIS_LEASE_RECEIVED', message, fields)
    }
    case 'copy': {
      const message = `${session} is a copy here; the right to run it is ${at}.${take} ${fork}`
      return new StasisError('STASIS_LEASE_COPY', message, fields)
    }
    case 'incoming': {
      const message = `${session} is not whole: its files were being received from ${peer || 'elsewhere'} when that ended. Send it again from there, or remove it: stasis rm ${session}.`
      return new StasisError('STASIS_LEASE_INCOMPLETE', message, fields)
    }
  }
}
