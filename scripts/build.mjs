// Bundles what is shipped into dist/. An entry whose source does not exist yet is left out, with a note.
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './lib/install.mjs'
import { root, say } from './lib/process.mjs'

const entries = {
  cli: 'host-node/cli/main.ts',
  node: 'host-node/index.ts',
  worker: 'host-node/worker.ts',
  index: 'runtime/index.ts',
  prelink: 'wasm-shim/prelink/index.ts',
}

/** Each a file of its own, that a static server can serve: the worker is loaded from beside the page's script. */
const browserEntries = {
  browser: 'host-browser/index.ts',
  'browser-worker': 'host-browser/worker.ts',
}

// One build for all entries, so that `stasis` and `stasis/node` share their classes. `neutral` with node:* left alone:
// what runtime/ and wasm-shim/ become has no trace of Node, and the hosts' imports of Node stay as they are.
const options = (entryPoints) => ({
  entryPoints,
  absWorkingDir: root,
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  target: 'node20',
  // ws asks for Node's modules by their old names, in a way that no bundle of modules can answer.
  external: ['node:*', 'ws'],
  mainFields: ['module', 'main'],
  conditions: ['import'],
  legalComments: 'eof',
  logLevel: 'warning',
  metafile: true,
})

const browserOptions = () => ({
  entryPoints: browserEntries,
  absWorkingDir: root,
  outdir: 'dist',
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  legalComments: 'eof',
  logLevel: 'warning',
  metafile: true,
  define: { STASIS_PRELINK_BUILD: JSON.stringify(hashOf('wasm-shim')) },
})

/** Of the sources below a folder. */
const hashOf = (folder) => {
  const hash = createHash('sha256')
  for (const name of readdirSync(join(root, folder), { recursive: true }).sort()) {
    if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(root, folder, name)))
  }
  return hash.digest('hex').slice(0, 16)
}

// After the build, not before: another process may be running from dist/.
const removeOldChunks = (written) => {
  const folder = join(root, 'dist/chunks')
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (!written.includes(`dist/chunks/${name}`)) rmSync(join(folder, name))
  }
}

/** Builds dist/ and returns the names of the files written. */
export const build = async () => {
  const { build: bundle } = await import('esbuild')
  const started = performance.now()
  const present = Object.entries(entries).filter(([, source]) => existsSync(join(root, source)))
  for (const [name, source] of Object.entries(entries)) {
    if (!existsSync(join(root, source))) say(`dist/${name}.js is left out: ${source} does not exist yet`)
  }
  if (present.length === 0) return []
  const [{ metafile }, browser] = await Promise.all([
    bundle(options(Object.fromEntries(present))),
    bundle(browserOptions()),
  ])
  const command = join(root, 'dist/cli.js')
  if (existsSync(command)) {
    const text = readFileSync(command, 'utf8')
    if (!text.startsWith('#!')) writeFileSync(command, `#!/usr/bin/env node\n${text}`)
    chmodSync(command, 0o755)
  }
  const written = Object.keys(metafile.outputs)
  removeOldChunks(written)
  const outputs = { ...metafile.outputs, ...browser.metafile.outputs }
  const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0)
  const milliseconds = Math.round(performance.now() - started)
  say(`Built dist/: ${Object.keys(outputs).length} files, ${Math.round(bytes / 1000)} KB, ${milliseconds} ms`)
  return written
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  ensureInstalled()
  await build()
}
