import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'
import { newestNode } from '../support/nodes.ts'
import { Workplace } from './processes.ts'

let place: Workplace
beforeEach(() => {
  place = new Workplace(newestNode())
  mkdirSync(join(place.directory, 'data'))
})
afterEach(() => place.close())

interface Row {
  readonly resource: string
  readonly moves: string
  readonly because: string
}

async function movements(target: string): Promise<{ code: number | null; rows: readonly Row[] }> {
  const { code, out } = await place.run('inspect', 'calc', '--can-move', target, '--json')
  return { code, rows: (JSON.parse(out) as { movements: Row[] }).movements }
}

const stuck = (rows: readonly Row[]) =>
  rows.filter(({ moves }) => moves === 'does not move').map(({ resource }) => resource)

async function freeze(name: 'lua' | 'lua-exnref', ...options: string[]): Promise<void> {
  copyFileSync(program(name).path, join(place.directory, 'guest.wasm'))
  const stop = ['--snapshot-on', 'call:5', '--stop-after-snapshot']
  const { code } = await place.run(
    'run',
    '--name',
    'calc',
    ...stop,
    ...options,
    'guest.wasm',
    '-e',
    'for i = 1, 100 do print(i) end',
  )
  expect(code).toBe(75)
}

test('A session with a directory moves to a server if that is granted there, and into a page with the files that it carries', async () => {
  await freeze('lua', '--dir', './data::/data')
  const server = await movements('http://localhost:1')
  expect([server.code, stuck(server.rows)]).toEqual([0, []])
  expect(server.rows).toContainEqual(
    expect.objectContaining({
      resource: expect.stringContaining('directory ./data::/data'),
      moves: 'moves if granted',
    }),
  )
  expect(server.rows).toContainEqual(
    expect.objectContaining({ resource: expect.stringMatching(/^memory of/), moves: 'moves' }),
  )
  expect(server.rows).toContainEqual(
    expect.objectContaining({ resource: expect.stringMatching(/^stack of/), moves: 'moves' }),
  )
  const page = await movements('firefox')
  expect([page.code, stuck(page.rows)]).toEqual([0, []])
  expect(page.rows).toContainEqual({
    resource: 'directory ./data::/data',
    moves: 'moves',
    because: expect.stringContaining('in memory with the files that the checkpoint carries'),
  })
})

test('A session with a directory whose files were left out does not move into a page', async () => {
  await freeze('lua', '--dir', './data::/data', '--max-file-bytes', '0')
  const page = await movements('firefox')
  expect([page.code, stuck(page.rows)]).toEqual([1, ['directory ./data::/data']])
  expect((await movements('node')).code).toBe(0)
})

test('A session whose module needs exnref does not move to Node 20', async () => {
  await freeze('lua-exnref')
  const old = await movements('node20')
  expect([old.code, stuck(old.rows)]).toEqual([1, ['feature exceptions (exnref)']])
  expect((await movements('node')).code).toBe(0)
  const { out } = await place.run('inspect', 'calc', '--can-move', 'node20')
  expect(out).toMatch(/feature exceptions \(exnref\) +does not move +node20 does not have it/)
  expect(out).toContain('1 resource cannot move to node20.')
})

test('An unknown target is refused with those there are', async () => {
  const { code, err } = await place.run('inspect', 'calc', '--can-move', 'fierfox')
  expect([code, err]).toEqual([2, expect.stringContaining('Did you mean firefox?')])
})
