import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { machineNode, newestNode } from '../support/nodes.ts'
import { withoutNewest } from '../support/on-newest.ts'
import { Workplace } from './processes.ts'

const nodes: [string, string][] = [['the machine’s Node', machineNode()]]
if (withoutNewest() === undefined && newestNode() !== machineNode()) nodes.push(['the newest Node', newestNode()])

let place: Workplace
afterEach(() => place.close())

describe.each(nodes)('a session in a SQLite database, on %s', (_, node) => {
  beforeEach(() => {
    place = new Workplace(node)
  })
  const words = ['--store', 'sqlite:x.db'] as const

  test('is checkpointed, killed, restored at its last call, and looked at by every command', async () => {
    const session = place.start('run', ...words, '--name', 'calc', '--keep-log', 'echo.wasm')
    await session.says('ready')
    session.write('one\n')
    await session.says('one')
    expect((await place.run('ls', ...words)).out).toMatch(/calc +0 .* running, process \d+/)
    // The same database by another path is the same store.
    const sameStore = `sqlite:${join(place.directory, 'x.db')}`
    expect((await place.run('checkpoint', '--store', sameStore, 'calc', '--label', 'lunch')).code).toBe(0)
    session.write('two\n')
    await session.says('two')
    expect((await place.run('rm', ...words, 'calc')).err).toContain('STASIS_SESSION_BUSY')
    session.child.kill('SIGKILL')
    await session.finished
    expect(statSync(join(place.directory, 'x.db')).mode & 0o777).toBe(0o600)

    const restored = place.start('restore', ...words, 'calc', '--keep', '--keep-log')
    restored.write('three\n')
    await restored.says('three')
    expect(await restored.end()).toMatchObject({ code: 3, out: 'three\n' })

    const { out } = await place.run('log', ...words, 'calc')
    const reads = out.split('\n').flatMap((line) => /fd_read\(0, "(\w+)/.exec(line)?.[1] ?? [])
    expect(reads).toEqual(['one', 'two', 'three'])
    expect((await place.run('inspect', ...words, 'calc')).out).toContain('fd_read')
    expect((await place.run('verify', ...words, 'calc')).code).toBe(0)
    expect((await place.run('replay', ...words, 'calc')).out).toBe('ready\none\ntwo\nthree\n')
    expect((await place.run('fork', ...words, 'calc@1', 'what-if')).out).toContain(`--store ${words[1]}`)
    const copied = await place.run('copy', ...words, 'calc', '--to', 'elsewhere', '--as', 'twin')
    expect(copied).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^twin: \d+ blobs copied \(.*\)\.\n$/),
    })
    const twin = await place.start('restore', '--store', 'elsewhere', 'twin@1').end('four\n')
    expect(twin).toMatchObject({ code: 2, out: 'four\n' })
    expect((await place.run('copy', ...words, 'calc', '--to', 'sqlite:x.db')).err).toContain('the same store')
    expect((await place.run('copy', ...words, 'clac', '--to', 'elsewhere')).err).toContain('no session named clac')
    expect((await place.run('rm', ...words, '--all')).code).toBe(0)
    expect(JSON.parse((await place.run('ls', ...words, '--json')).out)).toEqual([])
    expect(readdirSync(place.directory).filter((name) => name.startsWith('x.db'))).toEqual(['x.db'])
    expect(existsSync(join(place.directory, '.stasis'))).toBe(false)
  })
})
