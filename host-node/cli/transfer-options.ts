import { hostname } from 'node:os'
import { checkSessionName } from '../../runtime/store/address.ts'
import { filesWays } from '../../runtime/transfer/mount-fates.ts'
import { parseTarget, type Target } from '../transfer/target.ts'
import { encryptionOptions } from './open-place.ts'
import { value } from './options.ts'
import { jsonOption, storeOption, tokenOption } from './session-options.ts'
import type { StorePlace } from './store-place.ts'
import { tell } from './supervise.ts'
import type { Terminal } from './terminal.ts'
import { UsageError } from './usage-error.ts'
import { oneOf } from './values.ts'

export const transferOptions = {
  token: tokenOption,
  store: storeOption,
  ...encryptionOptions,
  json: jsonOption,
}

/** As of `stasis restore`, of a session that goes on at the other side. */
export const filesOption = value(
  'WHAT',
  'Files that the program has written or holds open, in directories that are granted there, and that are not as the ' +
    'checkpoint has them: "refuse" (the default), "keep" them as they are, or "restore" them, where that is granted for writing.',
  oneOf(filesWays, 'way with files'),
)

export function tokenOf(given: string | undefined): string | undefined {
  const token = given || process.env.STASIS_TOKEN || undefined
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  throw new UsageError('A token consists of letters, digits and signs, without spaces: as stasis serve has printed it.')
}

/** A server's address with a session's name behind it. */
export function parseSessionTarget(
  given: string,
  command: string,
): { readonly server: string; readonly session: string } {
  const { server, session } = parseTarget(given)
  if (session === undefined)
    throw new UsageError(`"${given}" names no session; write ${given.replace(/\/$/, '')}/NAME.`, command)
  return { server, session }
}

/** A server's address, and what the session is to be called there. */
export function parseServerTarget(
  given: string,
  session: string,
  as: string | undefined,
): Target & { readonly as: string } {
  const target = parseTarget(given)
  return { ...target, as: checkSessionName(as ?? target.session ?? session) }
}

/** How this machine calls its copy of a session, for people on the other side. */
export const localPeer = (session: string, { id }: StorePlace): string => `${hostname()}:${id}/${session}`

export const retrying =
  (terminal: Terminal, json: boolean) =>
  (error: Error): void => {
    if (!json) tell(`${error.message.split('. ')[0]}. Trying again…`, terminal)
  }
