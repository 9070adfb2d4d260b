/** Who may talk to the server: the Host header against DNS rebinding, the Origin against other pages, the token. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

export interface GateOptions {
  /** Names, without a port, by which the server may be called, besides addresses and localhost. */
  readonly hosts: readonly string[]
  /** Origins of pages that may use it besides its own: `https://example.org`. */
  readonly origins: readonly string[]
  /** undefined: none is needed. */
  readonly token: string | undefined
}

/** A browser cannot set headers of a WebSocket: there the token is the subprotocol `stasis.token.` + its base64url. */
export const tokenProtocol = 'stasis.token.'
export const protocolName = 'stasis.v1'

export interface Refusal {
  readonly status: 401 | 403 | 421
  readonly reason: string
}

/** For every request: undefined where it may go on. */
export function checkCaller(headers: IncomingHttpHeaders, { hosts, origins }: GateOptions): Refusal | undefined {
  const { host = '', origin } = headers
  const name = hostName(host)
  const isKnown = name !== undefined && (name === 'localhost' || isIP(name) !== 0 || hosts.includes(name))
  if (!isKnown) {
    const hint = 'If that is a name of this machine, allow it: stasis serve --allow-host'
    return { status: 421, reason: `the server is not called ${JSON.stringify(host.slice(0, 100))}. ${hint}` }
  }
  if (origin !== undefined && !origins.includes(origin) && originHost(origin) !== host.toLowerCase()) {
    const shown = JSON.stringify(origin.slice(0, 100))
    return { status: 403, reason: `pages of the origin ${shown} may not use it (stasis serve --allow-origin)` }
  }
  // What a page of another site asks for without saying so: images, scripts.
  if (origin === undefined && headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate') {
    return { status: 403, reason: 'a page of another site asked for it' }
  }
  return undefined
}

/** For sessions. */
export function checkToken(headers: IncomingHttpHeaders, { token }: GateOptions): Refusal | undefined {
  if (token === undefined) return undefined
  const given = bearer(headers) ?? subprotocolToken(headers)
  if (given === undefined) return { status: 401, reason: 'a token is needed (--token)' }
  return isSame(given, token) ? undefined : { status: 401, reason: 'the token is wrong' }
}

/** In a time that does not tell how much of it is right: digests have the same length. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

function bearer({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return /^Bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1]
}

function subprotocolToken(headers: IncomingHttpHeaders): string | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  const found = offered.find((name) => name.startsWith(tokenProtocol))
  return found === undefined ? undefined : Buffer.from(found.slice(tokenProtocol.length), 'base64url').toString('utf8')
}

/** 'example.org:80' and '[::1]:80' without the port; undefined where it is neither. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}

function originHost(origin: string): string | undefined {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return undefined
  return new URL(origin).host
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
