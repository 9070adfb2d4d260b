// The benchmark: bundles bench/ for every Node, builds the programs that are missing, and measures.
//   npm run bench -- [--quick] [--only ROW,ROW] [--node machine|newest] [--rounds N] [--json]
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled } from './lib/install.mjs'
import { machineNode, root } from './lib/process.mjs'

const bundle = async (out) => {
  const { build } = await import('esbuild')
  await build({
    entryPoints: [join(root, 'bench/main.ts'), join(root, 'bench/child.ts')],
    absWorkingDir: root,
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['wabt', 'esbuild', 'puppeteer-core'],
    logLevel: 'warning',
  })
}

ensureInstalled()
const { build: buildDist } = await import('./build.mjs')
await buildDist()
if (!existsSync(join(root, '.cache/programs/manifest.json'))) {
  const { buildPrograms } = await import('./programs.mjs')
  await buildPrograms()
}
// A folder for this run alone, so that a second one does not change the code under it. Two levels below the root, like the
// sources that find programs relative to their own place.
mkdirSync(join(root, '.cache'), { recursive: true })
const out = mkdtempSync(join(root, '.cache/bench-'))
try {
  await bundle(out)
  const { main } = await import(pathToFileURL(join(out, 'main.mjs')).href)
  process.exitCode = await main(root, join(out, 'child.mjs'), machineNode(), process.argv.slice(2))
} finally {
  rmSync(out, { recursive: true, force: true })
}
