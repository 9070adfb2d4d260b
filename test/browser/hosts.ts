// The hosts of this machine between which sessions move: two Nodes, two browsers, each once.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machineNode, majorOf, newestNode } from '../support/nodes.ts'
import { type BrowserName, browserNames, launchBrowser, openPage, withoutBrowser } from './browsers.ts'
import { call } from './drive.ts'
import { type LegHost, startNodeHost } from './node-host.ts'
import { serve } from './server.ts'

export interface Hosts {
  readonly all: readonly LegHost[]
  /** Size of an image, and its bytes. */
  image(name: string): Uint8Array
  close(): Promise<void>
}

/** Hosts that are missing here, with the reason. */
export const missingHosts = (): readonly string[] => browserNames.flatMap((name) => withoutBrowser(name) ?? [])

export async function openHosts(): Promise<Hosts> {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-matrix-'))
  const passed = join(folder, 'passed')
  mkdirSync(passed)
  const nodes = [...new Set([machineNode(), newestNode()])]
  const all: LegHost[] = []
  for (const node of nodes) {
    const name = `Node ${majorOf(node)}`
    all.push(await startNodeHost(name, node, passed, join(folder, `${majorOf(node)}.mjs`)))
  }
  const server = await serve({ isolated: true })
  for (const name of browserNames) {
    if (withoutBrowser(name) === undefined) all.push(await openBrowserHost(name, server, passed))
  }
  return {
    all,
    image: (name) => new Uint8Array(readFileSync(join(passed, name))),
    close: async () => {
      await Promise.all(all.map((host) => host.close()))
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What is passed on goes through files, as between Nodes. */
async function openBrowserHost(
  name: BrowserName,
  server: Awaited<ReturnType<typeof serve>>,
  passed: string,
): Promise<LegHost> {
  const browser = await launchBrowser(name)
  const page = await openPage(browser, server.url)
  return {
    name,
    run: async (request) => {
      const { image } = request
      if (image !== undefined) server.passed.set(image, new Uint8Array(readFileSync(join(passed, image))))
      const result = await call(page, 'leg', request).catch((error: Error) => {
        throw new Error(`on ${name}: ${error.message}`, { cause: error })
      })
      if (image !== undefined) server.passed.delete(image)
      if (result.image !== undefined) {
        writeFileSync(join(passed, result.image), server.passed.get(result.image)!)
        server.passed.delete(result.image)
      }
      return result
    },
    close: () => browser.close(),
  }
}
