// Programs that are killed: about a second of work each, with effects on files and lines of output all along.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ProgramName, program } from '../programs/programs.ts'

export interface FaultProgram {
  readonly name: string
  readonly program: ProgramName
  /** The directory /data is there. */
  readonly args: readonly string[]
  readonly env: readonly string[]
  /** Scripts of `guest/`, put into /data. */
  readonly scripts: readonly string[]
  /** Fed through a pipe, and after a kill from where the program had read. */
  readonly stdin?: string
  /** Looks at what the program has left below the directory that was /data. */
  readonly afterwards?: { readonly args: readonly string[]; readonly expected: string }
  /** Takes so long that the long form makes a tenth of the kills. */
  readonly isSlow?: boolean
}

const lines = Array.from({ length: 60 }, (_, i) => `line ${i} ${'abcdefg'.slice(i % 7)}`)

export const faultPrograms: readonly FaultProgram[] = [
  {
    name: 'lua',
    program: 'lua',
    args: ['/data/ledger.lua', '/data', '40', '100000'],
    env: [],
    scripts: ['ledger.lua'],
  },
  {
    name: 'sqlite',
    program: 'sqlite',
    args: ['/data/bank.db', '.read /data/bank.sql'],
    env: ['HOME=/data'],
    scripts: ['bank.sql'],
    afterwards: { args: ['/data/bank.db', 'pragma integrity_check;'], expected: 'ok\n' },
  },
  {
    name: 'cpython',
    program: 'cpython',
    args: ['/data/report.py', '/data', '40', '3000'],
    env: ['PYTHONHASHSEED=0', 'PYTHONDONTWRITEBYTECODE=1'],
    scripts: ['report.py'],
  },
  { name: 'effects', program: 'effects', args: ['/data', '50', '3000'], env: [], scripts: [] },
  { name: 'checkpoints', program: 'stasis-ledger', args: ['/data', '40', '200000'], env: [], scripts: [] },
  { name: 'life', program: 'as-life', args: ['128', '1200', '25'], env: [], scripts: [] },
  {
    name: 'stdin',
    program: 'lua',
    args: ['/data/answer.lua', '/data', '120000'],
    env: [],
    scripts: ['answer.lua'],
    stdin: `${lines.join('\n')}\n`,
  },
  {
    name: 'ruby',
    program: 'ruby',
    args: ['/data/shelf.rb', '/data', '24', '3000'],
    env: [],
    scripts: ['shelf.rb'],
    isSlow: true,
  },
]

export function faultProgram(name: string): FaultProgram {
  const found = faultPrograms.find((each) => each.name === name)
  if (found === undefined) {
    throw new Error(`There is no program ${name}; there are ${faultPrograms.map((each) => each.name).join(', ')}.`)
  }
  return found
}

// Looked up from the repository's root, since the long form runs as a bundle.
const guestFolder = fileURLToPath(new URL('../../test/faults/guest/', import.meta.url))

export const scriptOf = (name: string): string => readFileSync(guestFolder + name, 'utf8')

/** Operands of `stasis run`: the module and the program's arguments. */
export const operandsOf = (each: FaultProgram): readonly string[] => [program(each.program).path, ...each.args]
