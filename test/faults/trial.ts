import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { random } from '../log/sample-log.ts'
import { type Ended, stasis } from './command.ts'
import { outputProblem } from './output.ts'
import { differs, makePlace, type Place } from './places.ts'
import { type Plain, placeOptions, runOptions } from './plain.ts'
import { type FaultProgram, operandsOf } from './programs.ts'

export interface Trial {
  /** How often a process was killed. */
  readonly kills: number
  /** For people: options and instants. */
  readonly story: string
  /** What is wrong. */
  readonly problem?: string
}

const modes = {
  default: [],
  keyframes: ['--max-recovery', '300ms'],
  durable: ['--durable'],
  'durable keyframes': ['--durable', '--max-recovery', '300ms'],
} as const

/** A program that is killed up to three times at random instants, restored each time, and compared with a plain run. */
export async function trial(each: FaultProgram, plain: Plain, seed: number): Promise<Trial> {
  const next = random(Math.imul(seed, 2_654_435_761) >>> 0)
  // Where input is fed from is told by the log alone, hence from the beginning.
  const names = Object.keys(modes).filter((name) => each.stdin === undefined || !name.includes('keyframes'))
  const mode = names[next(names.length)] as keyof typeof modes
  const planned = 1 + next(3)
  const instants = Array.from({ length: planned }, () => next(Math.round(plain.milliseconds * 1.1)))
  const story = [mode]
  const place = makePlace(each)
  const processes: Ended[] = []
  try {
    const problem = await live(each, plain, place, modes[mode], instants, story, processes)
    const kills = processes.filter(({ code }) => code === null).length
    return { kills, story: story.join(', '), ...(problem !== undefined && { problem }) }
  } finally {
    place.remove()
  }
}

async function live(
  each: FaultProgram,
  plain: Plain,
  place: Place,
  options: readonly string[],
  instants: readonly number[],
  story: string[],
  processes: Ended[],
): Promise<string | undefined> {
  const initial = place.files()

  const begin = ['run', '--name', 's', ...options, ...placeOptions, ...runOptions(each), ...operandsOf(each)]
  const goOn = ['restore', ...options, ...placeOptions, 's']
  let argv = begin
  for (let turn = 0; ; turn++) {
    const killAfter = instants[turn]
    const { stdin } = each
    const ended = await stasis(argv, {
      cwd: place.directory,
      ...(killAfter !== undefined && { killAfter }),
      ...(stdin !== undefined && { stdin: { text: stdin, offset: argv === begin ? () => 0 : offsetOf } }),
    })
    if (ended.hung) return `it hung: ${ended.err}`
    const { code } = ended
    story.push(code === null ? `killed after ${killAfter} ms` : `exit ${code}`)
    const isGone = argv === goOn && /There is no session named s/.test(ended.err)
    if (isGone && processes.every(({ out }) => out.length === 0) && differs(initial, place.files()) === undefined) {
      // It was killed before it began.
      argv = begin
      continue
    }
    processes.push(ended)
    if (code === null) {
      argv = goOn
      continue
    }
    if (/has ended, and its process was killed while it removed/.test(ended.err)) {
      await stasis(['rm', '--store', 'file:.stasis', 's'], { cwd: place.directory })
      return problemAtEnd(each, plain, place, processes)
    }
    // It was killed after its end, when nothing was left to restore.
    if (!isGone && code !== plain.code) return `exit code ${code} instead of ${plain.code}: ${ended.err}`
    return problemAtEnd(each, plain, place, processes)
  }
}

const offsetOf = (out: string, err: string): number | undefined => {
  const told = /The program had read (\d+) bytes? of its stdin/.exec(err)
  if (told !== null) return Number(told[1])
  return out.includes('ready') || err.includes('Rolled forward') ? 0 : undefined
}

async function problemAtEnd(each: FaultProgram, plain: Plain, place: Place, processes: readonly Ended[]) {
  const shown = processes.map(({ out, code, err }) => ({
    out,
    // Who is killed may not have come to say it.
    mayRepeat: code === null || /may be seen twice/.test(err),
  }))
  const told = processes.map(({ err }, index) => (err === '' ? '' : `\n[${index + 1}] ${err.trim()}`)).join('')
  const output = outputProblem(shown, plain.out, plain.calls)
  if (output !== undefined) return `${output}${told}`
  const files = differs(plain.files, place.files())
  if (files !== undefined) return `${files}${told}`
  const lost = processes.find(({ err }) => /No checkpoint|cannot be used|could not/.test(err) || losses(err).length > 0)
  if (lost !== undefined) return `something was said to be lost: ${lost.err}`
  // What was being written goes with the next session, unless the process's number is in use again.
  const left = place.stored().filter((name) => !/^(sessions|modules)$/.test(name))
  if (left.length > 0) return `the store still has ${left.join(', ')}${told}`
  return after(each, place)
}

/** A block that was being written when the process was killed had let no effect out. */
const losses = (err: string) =>
  err.split('\n').filter((line) => / is lost: /.test(line) && !/bytes were not written whole/.test(line))

async function after(each: FaultProgram, place: Place): Promise<string | undefined> {
  if (each.afterwards === undefined) return undefined
  const { args, expected } = each.afterwards
  const before = readFileSync(join(place.data, each.scripts[0]!))
  const argv = ['run', '--no-log', ...placeOptions, ...runOptions(each), operandsOf(each)[0]!, ...args]
  const { out, err } = await stasis(argv, { cwd: place.directory })
  if (!before.equals(readFileSync(join(place.data, each.scripts[0]!)))) return 'the script has changed'
  return out.toString() === expected ? undefined : `afterwards: ${out.toString()}${err}`
}
