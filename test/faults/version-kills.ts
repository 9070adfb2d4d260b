// Processes that save versions of a session, or remove and compact them, are killed. Whatever is listed afterwards has to be
// what it was, and to go on as a program that was never stopped.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FileStore } from '../../host-node/file-store.ts'
import { listVersions, loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { random } from '../log/sample-log.ts'
import { program } from '../programs/programs.ts'
import { type Ended, stasis } from './command.ts'
import { makePlace, type Place } from './places.ts'
import { placeOptions } from './plain.ts'
import { type FaultProgram, operandsOf } from './programs.ts'
import type { Trial } from './trial.ts'

/** A program whose output tells whether all of its memory is right. */
export const tableProgram: FaultProgram = {
  name: 'versions',
  program: 'lua',
  args: ['/data/table.lua', '60000', '120', '1500'],
  env: [],
  scripts: ['table.lua'],
}

export const canRunTable = (): { readonly available: boolean; readonly reason?: string } =>
  program(tableProgram.program)

/** The program when nothing happens to it. */
export interface PlainTable {
  /** What it shows with each of its calls; '' for one that shows nothing. */
  readonly shown: readonly string[]
  readonly milliseconds: number
}

const store = ['--store', 'file:.stasis']
const session = 's'

const retention = {
  'all kept': [],
  'three kept': ['--keep', '3'],
  thinned: ['--keep', '4', '--thin', '--keep-for', '100ms'],
} as const

const interval = ['--snapshot-interval', '50ms']

export async function plainTable(): Promise<PlainTable> {
  const place = makePlace(tableProgram)
  try {
    const argv = ['run', '--no-log', '--strace', ...placeOptions, ...operandsOf(tableProgram)]
    const { code, out, err } = await stasis(argv, { cwd: place.directory })
    if (code !== 0) throw new Error(`the program ended with ${code}: ${err}`)
    let at = 0
    const calls = err.split('\n').filter((line) => /^[a-z_]+\(/.test(line))
    const shown = calls.map((line) => {
      const from = at
      at += Number(/^fd_write\(1, .* = nwritten (\d+)/.exec(line)?.[1] ?? 0)
      return out.subarray(from, at).toString()
    })
    const { milliseconds } = await stasis(runOf('all kept'), { cwd: place.directory })
    return { shown, milliseconds }
  } finally {
    place.remove()
  }
}

type Mode = keyof typeof retention

const runOf = (mode: Mode): readonly string[] => [
  ...['run', '--name', session, '--keep', ...retention[mode], ...interval],
  ...[...placeOptions, ...operandsOf(tableProgram)],
]

/** What is done with the session after a kill, to be killed as well. */
const operations = {
  restored: (mode: Mode) => ['restore', '--keep', ...retention[mode], ...interval, ...placeOptions, session],
  'thinned by gc': (_: Mode) => ['gc', '--keep', '2', ...store, session],
  compacted: (_: Mode) => ['compact', ...store, session],
} as const

export interface KillOptions {
  /** Versions that are restored to the end after each kill; of more, some are chosen. */
  readonly restores: number
}

export async function killVersions(plain: PlainTable, seed: number, { restores }: KillOptions): Promise<Trial> {
  const next = random(Math.imul(seed, 2_654_435_761) >>> 0)
  // The first numbers of neighbouring seeds are near each other.
  for (let i = 0; i < 5; i++) next(2)
  const modes = Object.keys(retention) as Mode[]
  const mode = modes[next(modes.length)]!
  const place = makePlace(tableProgram)
  const story: string[] = [mode]
  const known = new Map<number, string>()
  let kills = 0
  const ends = (ended: Ended, what: string): string | undefined => {
    if (ended.code === null) kills++
    story.push(`${what} ${ended.code === null ? 'and killed' : `to exit ${ended.code}`}`)
    if (ended.hung) return `it hung: ${ended.err}`
    return ended.code === null || ended.code === 0 ? undefined : `exit ${ended.code}: ${ended.err}`
  }
  const check = () => problemOf(place, plain, known, restores, next)
  try {
    const killAfter = Math.round(plain.milliseconds * (0.4 + next(600) / 1000))
    const cwd = place.directory
    let problem = ends(await stasis(runOf(mode), { cwd, killAfter }), `run for ${killAfter} ms`) ?? (await check())
    const folder = join(cwd, '.stasis/sessions', session)
    for (let turn = 1 + next(3); turn > 0 && problem === undefined && existsSync(folder); turn--) {
      const names = Object.keys(operations) as (keyof typeof operations)[]
      // Without a version there is its log.
      const name = known.size === 0 ? 'restored' : names[next(names.length)]!
      const after = name === 'restored' ? Math.round(plain.milliseconds * (0.3 + next(700) / 1000)) : next(40)
      const killAtChange = { of: folder, after }
      const ended = await stasis(operations[name](mode), { cwd, killAtChange })
      problem = ends(ended, `${name} for ${after} ms`) ?? (await check())
    }
    if (problem === undefined && known.size > 0) {
      problem = ends(await stasis(operations['thinned by gc'](mode), { cwd }), 'thinned by gc') ?? (await check())
      if (problem === undefined && known.size > 2) problem = `gc --keep 2 has left ${[...known.keys()].join()}`
    }
    return { kills, story: story.join(', '), ...(problem !== undefined && { problem }) }
  } finally {
    place.remove()
  }
}

/** Looks at all versions, and brings `known`, the digests of their images by number, up to date. */
async function problemOf(
  place: Place,
  plain: PlainTable,
  known: Map<number, string>,
  restores: number,
  next: (below: number) => number,
): Promise<string | undefined> {
  const cwd = place.directory
  const opened = new FileStore(join(cwd, '.stasis'))
  const versions = await listVersions(opened, session)
  const file = join(cwd, '.stasis/sessions', session, 'checkpoints.ckp')
  if (versions.length > 0 && existsSync(file)) {
    const { code, err } = await stasis(['verify', file], { cwd })
    if (code !== 0) return `verify: ${err}`
  }
  const newest = Math.max(0, ...known.keys())
  if (newest > 0 && !versions.some(({ version }) => version >= newest)) return `version ${newest} is gone`
  const before = new Map(known)
  known.clear()
  for (const { version, content } of versions) {
    if (content.kind !== 'intact') return `version ${version}: ${content.error.message}`
    const { bytes } = await loadCheckpoint(opened, { name: session, version })
    const digest = createHash('sha256').update(bytes).digest('hex')
    if ((before.get(version) ?? digest) !== digest) return `version ${version} is not what it was`
    known.set(version, digest)
  }
  for (const { version, content } of some(versions, restores, next)) {
    const calls = content.kind === 'intact' ? content.manifest.calls : 0
    const argv = ['restore', '--no-log', '--name', `${session}-${version}`, ...placeOptions, `${session}@${version}`]
    const { code, out, err } = await stasis(argv, { cwd })
    if (code !== 0) return `version ${version} ends with ${code}: ${err}`
    const expected = plain.shown.slice(calls).join('')
    if (out.toString() !== expected) return `version ${version} goes on as another program would: ${out}`
  }
  return undefined
}

/** The newest always. */
function some<T>(all: readonly T[], count: number, next: (below: number) => number): readonly T[] {
  const rest = [...all]
  const chosen = rest.splice(-1)
  while (chosen.length < count && rest.length > 0) chosen.push(...rest.splice(next(rest.length), 1))
  return chosen
}
