import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { Channel, connectionLost } from '../../runtime/transfer/channel.ts'
import { maxFrame } from '../../runtime/transfer/protocol.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { protocolName } from '../serve/gate.ts'
import { WebSocketDuplex } from '../serve/web-socket-duplex.ts'
import { nodeCodec } from './codec.ts'

const handshakeTimeout = 10_000

/** Connects to `stasis serve` and greets it. Throws STASIS_SERVE_REFUSED, STASIS_CONNECTION_LOST, STASIS_PROTOCOL_VERSION. */
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
    socket.once('error', (error) => reject(connectionLost(`${server} cannot be reached: ${describe(error)}`, error)))
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

/** An error of several addresses at a time has no message of its own. */
function describe(error: Error & { code?: string }): string {
  return error.message || (error.code ?? error.name)
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
  const remedy = status === 401 ? ' It was printed by stasis serve; give it with --token or in STASIS_TOKEN.' : ''
  const message = `${server} does not let this in (${status}). ${text.slice(0, 300).replaceAll(/\p{Cc}+/gu, ' ')}${remedy}`
  return new StasisError('STASIS_SERVE_REFUSED', message, { server, status })
}
