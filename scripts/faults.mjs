// Faults, the long form: programs killed at random instants, damaged logs, connections that break, and decoders fed with
// mutated bytes.
//   npm run test:faults -- [--program NAME]... [--instants N] [--from SEED] [--seed SEED]
// Every program is killed N times (default 200). With --seed that one trial is made again; with --program nothing else is.
// The program "versions" is a session whose saves, gc and compact are killed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled } from './lib/install.mjs'
import { environment, machineNode, root } from './lib/process.mjs'

const bundle = async (out) => {
  const { build } = await import('esbuild')
  await build({
    entryPoints: [join(root, 'test/faults/main.ts')],
    absWorkingDir: root,
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['wabt'],
    logLevel: 'warning',
  })
}

const damageLogs = () => {
  const tests = [
    'test/log/damage.test.ts',
    'test/faults',
    'test/fuzz',
    'test/transfer/faults.test.ts',
    'test/serve/faults.test.ts',
  ]
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...tests]
  const env = { ...environment(), LOG_FAULTS: 'full', FUZZ: 'full' }
  return spawnSync(machineNode(), args, { cwd: root, stdio: 'inherit', env }).status === 0
}

ensureInstalled()
const { build } = await import('./build.mjs')
await build()
if (!existsSync(join(root, '.cache/programs/manifest.json'))) {
  const { buildPrograms } = await import('./programs.mjs')
  await buildPrograms()
}
// Two levels below the root, like the sources that find programs relative to their own place.
mkdirSync(join(root, '.cache'), { recursive: true })
const out = mkdtempSync(join(root, '.cache/faults-'))
try {
  const argv = process.argv.slice(2)
  const isChosen = argv.some((word) => /^--(program|seed)/.test(word))
  const isLogWhole = isChosen || damageLogs()
  await bundle(out)
  const { killPrograms } = await import(pathToFileURL(join(out, 'main.mjs')).href)
  const { passed, failed } = await killPrograms(argv)
  console.log(`\n${passed} passed, ${failed + (isLogWhole ? 0 : 1)} failed`)
  process.exitCode = failed === 0 && isLogWhole && passed > 0 ? 0 : 1
} finally {
  rmSync(out, { recursive: true, force: true })
}
