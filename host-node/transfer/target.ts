import { checkSessionName } from '../../runtime/store/address.ts'
import { StasisError } from '../../wasm-shim/errors.ts'

/** A server and, if that was named, a session there. */
export interface Target {
  /** `http://host:port` or `https://host:port`. */
  readonly server: string
  readonly session: string | undefined
}

/** Reads `http://host:port`, `http://host:port/NAME`, the same with https, ws, wss, and without a scheme `host:port/NAME`. */
export function parseTarget(given: string): Target {
  const whole = /^[a-z]+:\/\//i.test(given) ? given : `http://${given}`
  const url = URL.canParse(whole) ? new URL(whole) : undefined
  const scheme = { 'http:': 'http', 'ws:': 'http', 'https:': 'https', 'wss:': 'https' }[url?.protocol ?? '']
  const [, name = '', ...more] = url?.pathname.split('/') ?? []
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  // What a URL makes of such steps is not what was meant.
  const hasSteps = /[/\\]\.{1,2}([/\\]|$)/.test(given)
  const isNumber = /^:?\d+$/.test(given)
  const isOne = !hasSteps && !isNumber && more.every((part) => part === '')
  if (url === undefined || scheme === undefined || !isPlain || !isOne) {
    const port = isNumber ? ` On this machine that is http://localhost:${given.replace(':', '')}.` : ''
    throw new StasisError(
      'STASIS_TARGET',
      `"${given}" is no server's address. Write http://HOST:PORT, or with a session http://HOST:PORT/NAME; a token goes with --token.${port}`,
      { target: given },
    )
  }
  return { server: `${scheme}://${url.host}`, session: name === '' ? undefined : checkSessionName(decoded(name)) }
}

/** As it was written. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
