import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../host-node/sqlite/engine.ts'
import { SqliteStore } from '../../host-node/sqlite/store.ts'
import { saveCheckpoint } from '../../runtime/store/checkpoints.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { machineNode, newestNode } from '../support/nodes.ts'
import { withoutNewest } from '../support/on-newest.ts'
import { checkBlobs, writeForever } from './crash.ts'
import { image, storeSuite } from './store-suite.ts'

const cache = fileURLToPath(new URL('../../.cache/', import.meta.url))
let directory: string
let file: string
let store: SqliteStore
beforeEach(() => {
  // In the repository: programs bundled into it find better-sqlite3.
  mkdirSync(cache, { recursive: true })
  directory = mkdtempSync(join(cache, 'sqlite-'))
  file = join(directory, 'x.db')
  store = new SqliteStore(file)
})
afterEach(() => {
  store.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('SQLite store', () => {
  storeSuite(
    async () => store,
    async () => undefined,
  )
})

/** SQL behind the store's back. */
function behind(sql: string): void {
  const connection = connect(file)
  connection.exec(sql)
  connection.close()
}

const bytes = (...values: number[]) => Uint8Array.from(values)

test('looking does not make the file, and nobody else may read it', async () => {
  expect(await store.list('')).toEqual([])
  expect(await store.get('modules/x')).toBeUndefined()
  expect(await store.delete('modules/x')).toBe(false)
  expect((await store.owners()).size).toBe(0)
  expect(readdirSync(directory)).toEqual([])
  await store.put('modules/x', [bytes(1)])
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
  store.close()
  expect(readdirSync(directory)).toEqual(['x.db'])
})

test('large blobs are whole, in every range over the pieces that they are kept in', async () => {
  const whole = Uint8Array.from({ length: 9_000_000 }, (_, i) => (i >> 8) ^ i)
  await store.put('modules/x', [whole.subarray(0, 3), whole.subarray(3, 8_700_000)])
  await store.append('modules/x', 8_700_000, [whole.subarray(8_700_000)])
  expect(Buffer.compare((await store.get('modules/x'))!, whole)).toBe(0)
  const edges = [0, 3, 4, (1 << 18) + 2, (1 << 18) + 3, (1 << 18) + 4, 4 << 20, 8_699_999, 8_700_000, 8_700_001, 9e6]
  for (const start of edges) {
    for (const end of edges.filter((edge) => edge >= start)) {
      expect(Buffer.compare((await store.get('modules/x', { start, end }))!, whole.subarray(start, end))).toBe(0)
    }
  }
  for (const at of edges.toReversed()) {
    await store.append('modules/x', at, [bytes(255), bytes(7)])
    const expected = Buffer.concat([whole.subarray(0, at), bytes(255, 7)])
    expect(Buffer.compare((await store.get('modules/x'))!, expected)).toBe(0)
  }
})

test('a large blob is not seen before it is whole, and others write meanwhile', async () => {
  const other = new SqliteStore(file)
  await store.put('modules/x', [bytes(1)])
  const writing = store.put('modules/x', [new Uint8Array(20 << 20).fill(7)])
  for (let i = 0; i < 3; i++) {
    await new Promise((next) => setImmediate(next))
    expect(await other.list('')).toMatchObject([{ name: 'modules/x', size: 1 }, ...Array(i).fill({ size: 2 })])
    await other.put(`modules/y${i}`, [bytes(1, 2)])
  }
  await writing
  expect((await other.get('modules/x'))!.every((byte) => byte === 7)).toBe(true)
  expect((await other.list('')).map(({ size }) => size)).toEqual([20 << 20, 2, 2, 2])
  other.close()
})

test('many small appends are in few pieces', async () => {
  for (let at = 0; at < 500; at++) await store.append('sessions/a/data', at * 10, [new Uint8Array(10).fill(at)])
  const whole = (await store.get('sessions/a/data'))!
  expect(whole).toEqual(Uint8Array.from({ length: 5000 }, (_, i) => Math.floor(i / 10)))
  store.close()
  const connection = connect(file)
  expect(Number(connection.prepare('SELECT count(*) AS pieces FROM pieces').get()!.pieces)).toBeLessThan(5)
  connection.close()
})

test.each([
  ['a dead process', JSON.stringify({ pid: 2 ** 31 - 1, host: hostname(), since: 0 })],
  [
    'a process whose number was given away',
    JSON.stringify({ pid: process.pid, host: hostname(), since: 0, started: 1 }),
  ],
  ['nobody who can be read', 'garbage'],
])('the lock of %s is taken over', async (_, owner) => {
  await (await store.lock('calc')).release()
  behind(`INSERT INTO locks VALUES ('calc', 'x', '${owner}')`)
  expect((await store.owners()).size).toBe(0)
  await (await store.lock('calc')).release()
})

test('the lock of another machine is respected', async () => {
  await (await store.lock('calc')).release()
  behind(`INSERT INTO locks VALUES ('calc', 'x', '{"pid":1,"host":"elsewhere","since":0}')`)
  await expect(store.lock('calc')).rejects.toThrow('running in process 1 on elsewhere')
})

test('what a process left behind that died while writing is not listed, and removed by the next owner', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  await saveCheckpoint(store, 'calc', [image('one')])
  const identity = (pid: number) => JSON.stringify({ pid, host: hostname(), since: 0 })
  for (const pid of [dead, process.pid]) {
    behind(`INSERT INTO blobs (size, modified, writer) VALUES (3, 0, '${identity(pid)}');
      INSERT INTO pieces VALUES (last_insert_rowid(), 0, x'010203')`)
  }
  expect((await store.list('')).map(({ name }) => name)).toEqual([
    'sessions/calc/checkpoints.cki',
    'sessions/calc/checkpoints.ckp',
  ])
  await (await store.lock('calc')).release()
  const connection = connect(file)
  const staged = connection.prepare('SELECT writer FROM blobs WHERE name IS NULL').all()
  expect(staged).toEqual([{ writer: identity(process.pid) }])
  expect(connection.prepare('SELECT count(DISTINCT id) AS blobs FROM pieces').get()).toEqual({ blobs: 3 })
  connection.close()
})

describe('a file that is not a store', () => {
  const refused = (code: string, text: string) =>
    expect(store.list('')).rejects.toMatchObject({ code, message: expect.stringContaining(text) })

  test('text is refused', async () => {
    writeFileSync(file, 'hello '.repeat(1000))
    await refused('STASIS_STORE_DAMAGED', 'Take a copy from a backup')
    await expect(store.put('modules/x', [])).rejects.toMatchObject({ code: 'STASIS_STORE_DAMAGED' })
  })

  test('so is another program’s database, which is left as it is', async () => {
    behind('CREATE TABLE mine (a)')
    await refused('STASIS_STORE_FOREIGN', 'another program')
    const connection = connect(file)
    expect(connection.prepare('SELECT name FROM sqlite_master').all()).toEqual([{ name: 'mine' }])
    connection.close()
  })

  test('so is a newer layout', async () => {
    await store.put('modules/x', [])
    behind('PRAGMA user_version = 7')
    store.close()
    await refused('STASIS_STORE_VERSION', 'layout 7')
  })

  test('a place where no file can be made is named', async () => {
    const nowhere = new SqliteStore('/proc/none/x.db')
    await expect(nowhere.put('modules/x', [])).rejects.toMatchObject({ code: 'STASIS_STORE_FAILED' })
  })
})

test('a damaged file is told as such', async () => {
  for (let i = 0; i < 50; i++) await store.put(`modules/${i}`, [new Uint8Array(10_000).fill(i)])
  store.close()
  const connection = connect(file)
  const size = statSync(file).size
  connection.close()
  const content = new Uint8Array(size)
  content.set(new Uint8Array(await import('node:fs').then(({ readFileSync }) => readFileSync(file))))
  content.fill(0x55, 8192, size - 8192)
  writeFileSync(file, content)
  const look = async () => {
    for (const { name } of await store.list('')) await store.get(name)
  }
  await expect(look()).rejects.toMatchObject({ code: 'STASIS_STORE_DAMAGED' })
})

test('many processes begin to use a store at once', async () => {
  const script = join(directory, 'writer.mjs')
  await bundleProgram(
    `import { SqliteStore } from './host-node/sqlite/store.ts'
     const store = new SqliteStore(process.argv[2])
     const own = process.argv[3]
     for (let i = 0; i < 20; i++) await store.put('sessions/s' + own + '/' + i, [new Uint8Array(1000).fill(i)])
     const lock = await store.lock('shared').catch((error) => error.code)
     if (typeof lock !== 'string') { await new Promise((done) => setTimeout(done, 50)); await lock.release() }`,
    script,
  )
  const ended = Array.from({ length: 6 }, (_, own) => {
    const child = spawn(process.execPath, ['--no-warnings', script, file, String(own)], { stdio: 'inherit' })
    return new Promise((done) => child.once('exit', done))
  })
  expect(await Promise.all(ended)).toEqual([0, 0, 0, 0, 0, 0])
  expect((await store.list('')).length).toBe(120)
  expect((await store.owners()).size).toBe(0)
})

const nodes: [string, string][] = [['the machine’s Node', machineNode()]]
if (withoutNewest() === undefined && newestNode() !== machineNode()) nodes.push(['the newest Node', newestNode()])

describe.each(nodes)('on %s', (_, node) => {
  test('after a kill at any instant every blob is whole', async () => {
    const script = join(directory, 'writer.mjs')
    await bundleProgram(
      writeForever(`import { SqliteStore } from './host-node/sqlite/store.ts'`, 'new SqliteStore(process.argv[2])'),
      script,
    )
    for (let round = 0; round < 8; round++) {
      const child = spawn(node, ['--no-warnings', script, file], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      await Promise.race([
        once(child, 'message'),
        once(child, 'exit').then(() => Promise.reject(new Error('it ended'))),
      ])
      await delay(round * 19)
      child.kill('SIGKILL')
      await new Promise((done) => child.once('exit', done))
      await checkBlobs(store)
      store.close()
    }
    expect(existsSync(file)).toBe(true)
  })
})
