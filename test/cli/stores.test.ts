import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
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

describe.each([
  ['directory', '.stasis', 'other'],
  ['SQLite database', 'sqlite:x.db', 'sqlite:y.db'],
])('a session in an encrypted %s', (_, url, other) => {
  beforeEach(() => {
    place = new Workplace()
    writeFileSync(join(place.directory, 'key'), `${'5a'.repeat(32)}\n`)
    writeFileSync(join(place.directory, 'wrong'), new Uint8Array(32))
  })
  const secret = 'the cat is in the bag'
  const store = ['--store', url] as const
  const words = [...store, '--key-file', 'key'] as const

  /** What lies in the directory but for the modules that were there before. */
  const stored = () =>
    readdirSync(place.directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.endsWith('.wasm') && /stasis|\.db|other/.test(name))
      .map((name) => join(place.directory, name))
      .flatMap((path) => (statSync(path).isFile() ? [readFileSync(path, 'latin1')] : []))
      .join('\n')

  test('leaves nothing in clear, is killed and restored with its key, and with no other', async () => {
    const session = place.start('run', ...words, '--encrypt', '--name', 'calc', '--keep-log', 'echo.wasm')
    await session.says('ready')
    session.write(`${secret}\n`)
    await session.says(secret)
    expect((await place.run('checkpoint', ...store, 'calc', '--label', 'lunch')).code).toBe(0)
    session.write(`again ${secret}\n`)
    await session.says(`again ${secret}`)
    expect((await place.run('log', ...words, 'calc')).out).toContain(`again ${secret}`)
    session.child.kill('SIGKILL')
    await session.finished
    expect(stored().length).toBeGreaterThan(1000)
    for (const text of [secret, 'STSLOG', 'lunch', 'echo.wasm', 'fd_read']) expect(stored()).not.toContain(text)

    expect((await place.run('restore', ...store, 'calc')).err).toContain('STASIS_KEY_NEEDED')
    expect((await place.run('restore', ...store, '--key-file', 'wrong', 'calc')).err).toContain('STASIS_KEY_WRONG')
    expect((await place.run('ls', ...store, '--key-file', 'nowhere')).err).toContain('STASIS_FILE')
    const restored = place.start('restore', ...words, 'calc', '--keep', '--keep-log')
    restored.write('three\n')
    await restored.says('three')
    expect(await restored.end()).toMatchObject({ code: 3, out: 'three\n' })
    expect((await place.run('verify', ...words, 'calc')).code).toBe(0)
    expect(await place.run('files', ...words, 'calc')).toMatchObject({ code: 0, err: '' })
    expect((await place.run('replay', ...words, 'calc')).out).toBe(`ready\n${secret}\nagain ${secret}\nthree\n`)
    expect((await place.run('fork', ...words, 'calc@1', 'what-if')).out).toContain('--key-file key')

    const to = ['--to', other, '--to-encrypt', '--to-key-file', 'wrong'] as const
    expect((await place.run('copy', ...words, 'calc', ...to)).code).toBe(0)
    const twin = await place.start('restore', '--store', other, '--key-file', 'wrong', 'calc@1').end('four\n')
    expect(twin).toMatchObject({ code: 2, out: 'four\n' })
    expect(stored()).not.toContain(secret)
    expect((await place.run('rm', ...words, '--all')).code).toBe(0)
    expect(JSON.parse((await place.run('ls', ...words, '--json')).out)).toEqual([])
  })
})
