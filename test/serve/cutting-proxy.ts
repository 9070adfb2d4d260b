import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server, and breaks each connection after as many bytes as `next` says. */
export class CuttingProxy {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Bytes that went through. */
  passed = 0

  private constructor(url: string, server: Server) {
    this.url = url
    this.#server = server
  }

  static async listen(target: string, next: () => number): Promise<CuttingProxy> {
    const { hostname, port } = new URL(target)
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new CuttingProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server)
    server.on('connection', (near) => {
      const far = connect(Number(port), hostname)
      let left = next()
      const cut = () => {
        near.destroy()
        far.destroy()
      }
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        proxy.#sockets.add(from)
        from.on('data', (bytes: Buffer) => {
          left -= bytes.length
          proxy.passed += bytes.length
          // What came before the cut arrives.
          if (left > 0) to.write(bytes)
          else to.end(bytes.subarray(0, Math.max(0, bytes.length + left)), cut)
        })
        from.on('error', cut).on('close', () => {
          proxy.#sockets.delete(from)
          cut()
        })
      }
    })
    return proxy
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }
}
