import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileStore } from '../../host-node/file-store.ts'
import { RunningSessions } from '../../host-node/serve/running.ts'
import { type ServerOptions, StasisServer } from '../../host-node/serve/server.ts'
import { defaultLimits, type Limits } from '../../runtime/transfer/receive-blobs.ts'

/** A server in this process, with a store in a directory of its own. */
export interface ServedStore {
  readonly server: StasisServer
  readonly store: FileStore
  readonly directory: string
  readonly logged: string[]
  close(): Promise<void>
}

export async function serveStore(options: Partial<ServerOptions> & { limits?: Limits } = {}): Promise<ServedStore> {
  const { limits = defaultLimits, ...given } = options
  const directory = mkdtempSync(join(tmpdir(), 'st-'))
  const store = new FileStore(join(directory, 'store'))
  const logged: string[] = []
  const log = (text: string) => void logged.push(text)
  const storeId = join(directory, 'store')
  const sessions = new RunningSessions(store, { storeId, mounts: [], imports: {}, resume: () => [], log })
  const whole = { host: '127.0.0.1', port: 0, hosts: [], origins: [], token: undefined, web: undefined, ...given }
  const server = await StasisServer.listen(whole, { store, storeId, sessions, limits, log, incoming: new Map() })
  return {
    ...{ server, store, directory, logged },
    close: async () => {
      await server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
