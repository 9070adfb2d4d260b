import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WASIOptions as NodeOptions, WASI as NodeWASI } from 'node:wasi'
import { afterAll, describe, expect, test } from 'vitest'
import { WASI } from '../../host-node/wasi/wasi.ts'
import { type Implementation, implementations, nodes, runScript } from './child.ts'

type Outcome = Readonly<Record<string, unknown>>
type Outcomes = Readonly<Record<string, Outcome>>

const directory = mkdtempSync(join(tmpdir(), 'stasis-api-'))
writeFileSync(join(directory, 'file'), '')
afterAll(() => rmSync(directory, { recursive: true }))

function outcomes(node: string, implementation: Implementation): Outcomes {
  const { status, stdout, stderr } = runScript(node, 'api-cases.mjs', [implementations[implementation], directory])
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Outcomes
}

/**
 * What is newer than Node 20: finalizeBindings; a start that failed at its arguments, which can be tried again; and numbers
 * in messages, which were cut.
 */
const isNewer = (name: string) =>
  name.startsWith('finalizeBindings') || name.startsWith('retry') || name.endsWith('long bigint')
const without = (all: Outcomes, drop: (name: string) => boolean): Outcomes =>
  Object.fromEntries(Object.entries(all).filter(([name]) => !drop(name)))

/** Ours says in the message what could not be used. */
const shortened = (all: Outcomes): Outcomes =>
  JSON.parse(JSON.stringify(all).replaceAll(/(uvwasi_init): (?:\\.|[^"\\])*/g, '$1')) as Outcomes

describe.each(nodes)('the members of WASI on Node $major', ({ major, path }) => {
  const theirs = outcomes(path, 'node')
  const ours = outcomes(path, 'stasis')

  test('are used in some hundred ways', () => expect(Object.keys(theirs).length).toBeGreaterThan(300))

  test("return and throw what node:wasi's do", () => {
    const drop = major >= 24 ? () => false : isNewer
    expect(without(shortened(ours), drop)).toEqual(without(theirs, drop))
  })

  test('say which directory or descriptor cannot be used', () => {
    const path = join(directory, 'missing')
    expect(ours['preopens: missing']?.message).toBe(
      `UVWASI_ENOENT, uvwasi_init: the directory "${path}" for "/" cannot be opened`,
    )
    expect(ours['stdin: closed']?.message).toBe('UVWASI_EBADF, uvwasi_init: descriptor 987 is not open')
  })
})

test('WASI is the same class on every Node', () => {
  const [first, ...rest] = nodes.map(({ path }) => outcomes(path, 'stasis'))
  for (const other of rest) expect(other).toEqual(first)
})

test('takes the options that are declared for node:wasi, and replaced imports', () => {
  const options: NodeOptions = {
    version: 'preview1',
    args: [],
    env: undefined,
    preopens: { '/': '/' },
    stdin: undefined,
  }
  const wasi = new WASI(options)
  const asNode: Pick<NodeWASI, 'start' | 'initialize' | 'getImportObject'> = wasi
  wasi.wasiImport.sched_yield = () => 77
  expect(asNode.getImportObject()).toHaveProperty('wasi_snapshot_preview1.sched_yield', wasi.wasiImport.sched_yield)
})
