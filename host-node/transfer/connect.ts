import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { Channel, connectionLost } from '../../runtime/transfer/channel.ts'
import { maxFrame } from '../../runtime/transfer/protocol.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { protocolName } from '../serve/gate.ts'
import { WebSocketDuplex } from '../serve/web-socket-duplex.ts'
import { nodeCodec } from './codec.ts'

const handshakeTimeout = 10_000

/**
 * Connects to `stasis serve` and greets it. Throws STASIS_SERVER_UNREACHABLE where nobody answers, STASIS_SERVER_FOREIGN
 * where somebody else does, STASIS_SERVE_REFUSED, STASIS_CONNECTION_LOST, STASIS_PROTOCOL_VERSION.
 */
export async function connect(server: string, token: string | undefined): Promise<Channel> {
  const url = `${server.replace(/^http/, 'ws')}/api/connect`
  const socket = new WebSocket(url, protocolName, {
    perMessageDeflate: false,
    maxPayload: maxFrame,
    handshakeTimeout,
    ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
  })
  const channel = await new Promise<Channel>((resolve, reject) => {
    // At once: frames may come with the answer.
    socket.once('upgrade', () => resolve(new Channel(new WebSocketDuplex(socket))))
    socket.once('error', (error) => reject(unreachable(server, error)))
    socket.once('unexpected-response', (_, response) => {
      void readText(response).then((text) => {
        socket.on('error', () => {})
        socket.terminate()
        reject(refused(server, response.statusCode ?? 0, text))
      })
    })
  })
  await new Promise<void>((resolve, reject) => {
    if (socket.readyState === socket.OPEN) return resolve()
    socket.once('open', resolve)
    socket.once('close', () => reject(connectionLost(`${server} closed it at once`)))
  })
  await channel.greet('stasis', nodeCodec)
  return channel
}

type NetworkError = Error & { readonly code?: string; readonly errors?: readonly NetworkError[] }

/** What a server that is none of ours answers to a handshake is no HTTP, or HTTP behind TLS where none was expected. */
const foreign: Readonly<Record<string, string>> = {
  EPROTO: 'it does not speak TLS: write http:// in the place of https://.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS: write http:// in the place of https://.',
}

function unreachable(server: string, error: NetworkError): StasisError {
  // One of several addresses at a time has no message of its own.
  const { code = '', message } = error.errors?.[0] ?? error
  const known =
    foreign[code] ?? (code.startsWith('HPE_') ? 'what it answers is no HTTP: is the port right?' : undefined)
  if (code === 'ECONNRESET') return connectionLost(`${server} closed it before it had answered`, error)
  if (known !== undefined) return foreignServer(server, known, error)
  const reason = { ECONNREFUSED: 'nobody listens there', ENOTFOUND: 'no machine of that name is known' }[code]
  const text = `${server} does not answer: ${reason ?? (message || code || error.name)}. Start it there: stasis serve.`
  return new StasisError('STASIS_SERVER_UNREACHABLE', text, { server }, { cause: error })
}

function foreignServer(server: string, what: string, cause?: unknown): StasisError {
  const message = `${server} is no "stasis serve": ${what} It prints its address when it starts.`
  return new StasisError('STASIS_SERVER_FOREIGN', message, { server }, { cause })
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk
    if (text.length > 4096) break
  }
  return text
}

function refused(server: string, status: number, text: string): StasisError {
  // As gate.ts words it; whatever else is there answers otherwise.
  if (!text.startsWith('Refused: ')) {
    const what = status >= 300 && status < 400 ? 'it sends its callers elsewhere' : 'it does not know /api/connect'
    return foreignServer(server, `${what} (HTTP ${status}). Are address and port right?`)
  }
  const remedy = status === 401 ? ' It was printed by stasis serve; give it with --token or in STASIS_TOKEN.' : ''
  const message = `${server} does not let this in (${status}). ${text.slice(0, 300).replaceAll(/\p{Cc}+/gu, ' ')}${remedy}`
  return new StasisError('STASIS_SERVE_REFUSED', message, { server, status })
}
