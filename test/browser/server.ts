// Serves the page of the browser tests, dist/, the repository's files, and what is passed from host to host.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../../', import.meta.url))

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  html: 'text/html; charset=utf-8',
  wasm: 'application/wasm',
}

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export interface TestServer {
  readonly url: string
  /** What is passed on, by name. */
  readonly passed: Map<string, Uint8Array>
  close(): Promise<void>
}

export interface ServeOptions {
  readonly isolated: boolean
  /** Sources of the page's scripts, relative to the repository; `/<name>.js` is served. Default: those of the tests. */
  readonly scripts?: Readonly<Record<string, string>>
}

const testScripts = { driver: 'test/browser/page/driver.ts', 'store-suite': 'test/browser/page/store-suite.ts' }

export async function serve({ isolated, scripts = testScripts }: ServeOptions): Promise<TestServer> {
  const bundles = new Map<string, string>()
  for (const [name, source] of Object.entries(scripts)) bundles.set(`/${name}.js`, await bundlePage(source))
  const passed = new Map<string, Uint8Array>()
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://host').pathname)
    const headers = { ...(isolated && isolation), 'Content-Type': types[path.split('.').at(-1) ?? ''] ?? 'text/plain' }
    const answer = (body: string | Uint8Array, more = {}) => response.writeHead(200, { ...headers, ...more }).end(body)
    if (path === '/') {
      return answer('<!doctype html><title>Stasis</title><script type="module" src="/driver.js"></script>', {
        'Content-Type': types.html,
      })
    }
    const script = bundles.get(path)
    if (script !== undefined) return answer(script)
    if (path.startsWith('/passed/')) {
      const name = path.slice('/passed/'.length)
      if (request.method !== 'PUT') return answer(passed.get(name) ?? '')
      passed.set(name, await bodyOf(request))
      return answer('')
    }
    const file = path.startsWith(root) ? path : root + path.slice(1)
    if (path.includes('..') || !existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end()
    return answer(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    passed,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of request) parts.push(part as Uint8Array)
  return new Uint8Array(Buffer.concat(parts))
}

/** A script with what it imports; the built dist/ is left outside. */
async function bundlePage(source: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [root + source],
    alias: { vitest: `${root}test/browser/page/vitest.ts` },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    external: ['/dist/*', '/store-suite.js'],
    write: false,
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}
