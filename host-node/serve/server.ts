import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex as Stream } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import type { Store } from '../../runtime/store/store.ts'
import { Channel } from '../../runtime/transfer/channel.ts'
import { maxFrame } from '../../runtime/transfer/protocol.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { describeSessions } from './api.ts'
import { type ConnectionContext, serveConnection } from './connection.ts'
import { checkCaller, checkToken, type GateOptions, protocolName, type Refusal } from './gate.ts'
import { messageOf } from './running.ts'
import { findFile, safeHeaders, sendFile } from './static-files.ts'
import { WebSocketDuplex } from './web-socket-duplex.ts'

export interface ServerOptions extends GateOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** The folder of the page; undefined where it was not built. */
  readonly web: string | undefined
}

/** Connections at a time: each may have a session's pieces in memory. */
const maxConnections = 64
/** Milliseconds that running sessions and connections have to come to an end. */
const patience = 10_000

export const connectPath = '/api/connect'

/** Where `npm run web` puts the page, seen from this file in dist/, dist/chunks/ and its source's folder. */
export function findWeb(): string | undefined {
  return ['./web', '../web', '../../dist/web']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(`${path}/index.html`))
}

/** Serves a store over HTTP and WebSocket. */
export class StasisServer {
  readonly url: string
  readonly #http: Server
  readonly #sockets: WebSocketServer
  readonly #context: ConnectionContext

  private constructor(url: string, http: Server, sockets: WebSocketServer, context: ConnectionContext) {
    this.url = url
    this.#http = http
    this.#sockets = sockets
    this.#context = context
  }

  /** Throws STASIS_SERVE_LISTEN. */
  static async listen(options: ServerOptions, context: ConnectionContext): Promise<StasisServer> {
    const refused = (request: IncomingMessage, { status, reason }: AnyRefusal) => {
      const what = `${request.method} ${JSON.stringify(request.url?.slice(0, 200))}`
      context.log(`Refused ${request.socket.remoteAddress} ${what} with ${status}: ${reason}.`)
    }
    const http = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, (request, response) => {
      void serveRequest(request, response, options, context.store, context, refused).catch((error) => {
        context.log(`${request.method} ${JSON.stringify(request.url?.slice(0, 200))}: ${messageOf(error)}`)
        if (!response.headersSent)
          fail(response, { status: 500, reason: 'the server failed; its own messages say why' })
        else response.destroy()
      })
    })
    const sockets = new WebSocketServer({
      noServer: true,
      maxPayload: maxFrame,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(protocolName) ? protocolName : false),
    })
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const refusal = checkUpgrade(request, options, sockets.clients.size)
      if (refusal !== undefined) {
        refused(request, refusal)
        return refuseUpgrade(socket, refusal)
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        const caller = `${request.socket.remoteAddress}:${request.socket.remotePort}`
        void serveConnection(new Channel(new WebSocketDuplex(webSocket)), context, caller)
      })
    })
    http.listen(options.port, options.host)
    try {
      await once(http, 'listening')
    } catch (cause) {
      const message = `Cannot listen on ${options.host}, port ${options.port}: ${messageOf(cause)}. Choose another one with --port or --host.`
      throw new StasisError('STASIS_SERVE_LISTEN', message, { host: options.host, port: options.port }, { cause })
    }
    const { port } = http.address() as AddressInfo
    const shown = options.host.includes(':') ? `[${options.host}]` : options.host
    return new StasisServer(`http://${shown}:${port}`, http, sockets, context)
  }

  /** Stops the sessions that run here with a checkpoint, ends connections, and frees the port. */
  async close(): Promise<void> {
    this.#http.close()
    await this.#context.sessions.stopAll(patience)
    for (const socket of this.#sockets.clients) socket.close(1001, 'the server shuts down')
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets.clients) socket.terminate()
    }, 1000)
    await Promise.all([...this.#context.incoming.values()].map(({ over }) => over))
    clearTimeout(deadline)
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#http.closeAllConnections()
  }
}

function checkUpgrade(request: IncomingMessage, options: GateOptions, open: number): AnyRefusal | undefined {
  const refusal = checkCaller(request.headers, options) ?? checkToken(request.headers, options)
  if (refusal !== undefined) return refusal
  if (pathOf(request) !== connectPath) return { status: 404, reason: `connections are made to ${connectPath}` }
  if (open >= maxConnections) return { status: 503, reason: `there are ${open} connections already` }
  return undefined
}

async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
  store: Store,
  { sessions }: ConnectionContext,
  refused: (request: IncomingMessage, refusal: AnyRefusal) => void,
): Promise<void> {
  const isHead = request.method === 'HEAD'
  const isApi = pathOf(request).startsWith('/api/')
  const refusal = checkCaller(request.headers, options) ?? (isApi ? checkToken(request.headers, options) : undefined)
  if (refusal !== undefined) {
    refused(request, refusal)
    return fail(response, refusal)
  }
  if (!isHead && request.method !== 'GET')
    return fail(response, { status: 405, reason: 'only GET and HEAD are served' })
  if (isApi) {
    if (pathOf(request) !== '/api/sessions') return fail(response, { status: 404, reason: 'there is no such thing' })
    return sendJson(response, { sessions: await describeSessions(store, sessions) }, isHead)
  }
  const file = options.web === undefined ? undefined : await findFile(options.web, pathOf(request))
  if (file !== undefined) return sendFile(response, file, isHead)
  if (options.web === undefined && pathOf(request) === '/') return sendIndex(response)
  fail(response, { status: 404, reason: 'there is no such file' })
}

interface OtherRefusal {
  readonly status: 404 | 405 | 500 | 503
  readonly reason: string
}

type AnyRefusal = Refusal | OtherRefusal

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split('?')[0] as string

function fail(response: ServerResponse, { status, reason }: AnyRefusal): void {
  const challenge = status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
  response.writeHead(status, { ...safeHeaders, ...challenge, 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ error: { code: 'STASIS_SERVE_REFUSED', message: `Refused: ${reason}.` } }))
}

function refuseUpgrade(socket: Stream, { status, reason }: AnyRefusal): void {
  const body = `Refused: ${reason}.`
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function sendJson(response: ServerResponse, value: unknown, isHead: boolean): void {
  const body = JSON.stringify(value)
  const type = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
  response.writeHead(200, { ...safeHeaders, ...type, 'Content-Length': Buffer.byteLength(body) })
  response.end(isHead ? undefined : body)
}

function sendIndex(response: ServerResponse): void {
  response.writeHead(200, { ...safeHeaders, 'Content-Type': 'text/html; charset=utf-8' })
  response.end(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>stasis serve</title><p>This is <code>stasis serve</code>. ' +
      'Its page was not built: <code>npm run web</code>. Sessions: <a href="/api/sessions">/api/sessions</a>; see docs/protocol.md.',
  )
}
