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
  if (url === undefined || scheme === undefined || !isPlain || more.some((part) => part !== '')) {
    throw new StasisError(
      'STASIS_TARGET',
      `"${given}" is no server's address. Write http://HOST:PORT, or with a session http://HOST:PORT/NAME; a token goes with --token.`,
      { target: given },
    )
  }
  return { server: `${scheme}://${url.host}`, session: name === '' ? undefined : checkSessionName(name) }
}
