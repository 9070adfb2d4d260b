// The benchmark: bundles bench/ for every Node, builds the programs that are missing, and measures.
//   npm run bench -- [--quick] [--only ROW,ROW] [--node machine|newest] [--rounds N] [--json]
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled } from './lib/install.mjs'
import { machineNode, root } from './lib/process.mjs'

const out = join(root, '.cache/bench')

const bundle = async () => {
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
    external: ['wabt'],
    // What the sources find relative to their own place (programs, the newest Node) is relative to bench/ as they are
    // relative to test/programs and test/support: two folders below the root, as is .cache/bench.
    logLevel: 'warning',
  })
}

ensureInstalled()
if (!existsSync(join(root, '.cache/programs/manifest.json'))) {
  const { buildPrograms } = await import('./programs.mjs')
  await buildPrograms()
}
await bundle()
const { main } = await import(pathToFileURL(join(out, 'main.mjs')).href)
process.exitCode = await main(root, join(out, 'child.mjs'), machineNode(), process.argv.slice(2))
