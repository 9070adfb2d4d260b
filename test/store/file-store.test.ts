import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { openStore } from '../../host-node/open-store.ts'
import { processStart } from '../../host-node/process-identity.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import {
  listVersions,
  loadCheckpoint,
  removeVersions,
  saveCheckpoint,
  saveModule,
} from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { checkBlobs, writeForever } from './crash.ts'
import { image, sha, storeSuite } from './store-suite.ts'

let directory: string
let store: Store
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-store-'))
  store = new FileStore(join(directory, '.stasis'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('directory store', () => {
  storeSuite(
    async () => store,
    async () => undefined,
  )
})

const sessionFile = (name: string) => join(directory, '.stasis', 'sessions', 'calc', name)

test('the directory is made by the first checkpoint and gone after the last', async () => {
  const lock = await store.lock('calc')
  await saveModule(store, sha('a'), new Uint8Array(3))
  await saveCheckpoint(store, 'calc', [image('one')])
  expect(readdirSync(join(directory, '.stasis')).sort()).toEqual(['modules', 'sessions'])
  await removeVersions(store, 'calc')
  await lock.release()
  expect(readdirSync(directory)).toEqual([])
})

/** Parts of a blob, with something done before the second one is asked for. */
function parts(between: () => void): readonly Uint8Array[] {
  const [first, second] = [new Uint8Array(100_000).fill(1), new Uint8Array(100_000).fill(2)]
  const iterate = function* () {
    yield first
    between()
    yield second
  }
  return Object.assign([first, second], { [Symbol.iterator]: iterate })
}

test('a blob has its name when it is whole and not before, and the old one until then', async () => {
  const path = sessionFile('start.cbor')
  let seen = -1
  const look = () => {
    seen = existsSync(path) ? statSync(path).size : 0
  }
  await store.put('sessions/calc/start.cbor', parts(look))
  expect([seen, statSync(path).size]).toEqual([0, 200_000])
  await store.put('sessions/calc/start.cbor', [new Uint8Array(3)])
  await store.put('sessions/calc/start.cbor', parts(look))
  expect([seen, statSync(path).size]).toEqual([3, 200_000])
  const full = () => {
    throw new Error('the disk is full')
  }
  await expect(store.put('sessions/calc/start.cbor', parts(full))).rejects.toThrow('the disk is full')
  await expect(store.put('sessions/calc/lease.cbor', parts(full))).rejects.toThrow('the disk is full')
  expect(statSync(path).size).toBe(200_000)
  expect(readdirSync(join(path, '..'))).toEqual(['start.cbor'])
})

test('files that are not ours are left alone', async () => {
  await saveCheckpoint(store, 'calc', [image('one')])
  writeFileSync(sessionFile('notes.txt'), 'mine')
  await removeVersions(store, 'calc')
  expect(readdirSync(join(directory, '.stasis', 'sessions', 'calc'))).toEqual(['notes.txt'])
})

test('what a process left behind that died while writing is not listed, and removed by the next owner', async () => {
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  await saveCheckpoint(store, 'calc', [image('one')])
  writeFileSync(sessionFile(`.tmp-${dead}-0000`), 'half')
  writeFileSync(sessionFile(`.tmp-${process.pid}-0000`), 'being written')
  expect((await store.list('')).map(({ name }) => name)).toEqual([
    'sessions/calc/checkpoints.cki',
    'sessions/calc/checkpoints.ckp',
  ])
  await (await store.lock('calc')).release()
  expect(existsSync(sessionFile(`.tmp-${dead}-0000`))).toBe(false)
  expect(existsSync(sessionFile(`.tmp-${process.pid}-0000`))).toBe(true)
})

test.each([
  ['a dead process', { pid: 2 ** 31 - 1, host: hostname(), since: 0 }],
  ['a process whose number was given away', { pid: process.pid, host: hostname(), since: 0, started: 1 }],
  ['nobody who can be read', 'garbage'],
])('the lock of %s is taken over', async (_, owner) => {
  await (await store.lock('calc')).release()
  await saveCheckpoint(store, 'calc', [image('one')])
  writeFileSync(sessionFile('.lock.7'), JSON.stringify(owner))
  expect((await store.owners()).size).toBe(0)
  const lock = await store.lock('calc')
  expect(readdirSync(join(directory, '.stasis', 'sessions', 'calc'))).toEqual([
    '.lock.8',
    'checkpoints.cki',
    'checkpoints.ckp',
  ])
  await lock.release()
})

test('the lock of another machine is respected', async () => {
  await saveCheckpoint(store, 'calc', [image('one')])
  writeFileSync(sessionFile('.lock.1'), JSON.stringify({ pid: 1, host: 'elsewhere', since: 0 }))
  await expect(store.lock('calc')).rejects.toThrow('running in process 1 on elsewhere')
})

test('of many that want a session at once, at most one gets it', async () => {
  for (let round = 0; round < 10; round++) {
    await (await store.lock('calc')).release()
    await saveCheckpoint(store, 'calc', [image('one')])
    writeFileSync(sessionFile('.lock.1'), JSON.stringify({ pid: 2 ** 31 - 1, host: hostname(), since: 0 }))
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => store.lock('calc')))
    const locks = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(locks.length).toBeLessThanOrEqual(1)
    for (const lock of locks) await lock.release()
    await (await store.lock('calc')).release()
  }
})

test('after a kill at any instant the newest listed version is whole', async () => {
  const script = join(directory, 'writer.mjs')
  const source = `
    import { FileStore } from './host-node/file-store.ts'
    import { saveCheckpoint } from './runtime/store/checkpoints.ts'
    import { encodeCheckpoint } from './runtime/image/encode.ts'
    import { tinyCheckpoint } from './test/image/sample.ts'
    const store = new FileStore(process.argv[2])
    await store.lock('calc')
    process.send('ready')
    const memory = new Uint8Array(300_000).fill(7)
    let round = 0
    const sample = tinyCheckpoint()
    const state = { ...sample.instances[0], memories: [{ bytes: memory }] }
    for (;;) {
      for (let page = 0; page < 70; page += 3) memory[page * 4096] = round++
      await saveCheckpoint(store, 'calc', [encodeCheckpoint({ ...sample, instances: [state] })])
    }`
  await bundleProgram(source, script)
  let saved = 0
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [script, join(directory, '.stasis')], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await new Promise((ready) => child.once('message', ready))
    await delay(round * 17)
    child.kill('SIGKILL')
    await new Promise((done) => child.once('exit', done))
    const versions = await listVersions(store, 'calc')
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, i) => i + 1))
    for (const { version, content } of versions) {
      expect(content.kind).toBe('intact')
      decodeCheckpoint((await loadCheckpoint(store, { name: 'calc', version })).bytes)
    }
    saved = versions.length
  }
  expect(saved).toBeGreaterThan(0)
  expect((await loadCheckpoint(store, { name: 'calc', version: 0 })).address.version).toBe(saved)
})

test('after a kill at any instant every blob is whole', async () => {
  const script = join(directory, 'writer.mjs')
  const imports = `import { FileStore } from './host-node/file-store.ts'`
  await bundleProgram(writeForever(imports, 'new FileStore(process.argv[2])'), script)
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, [script, join(directory, '.stasis')], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    await new Promise((ready) => child.once('message', ready))
    await delay(round * 23)
    child.kill('SIGKILL')
    await new Promise((done) => child.once('exit', done))
    await checkBlobs(store)
  }
})

test('the start of a process is known where the system tells it', () => {
  const start = processStart(process.pid)
  if (process.platform === 'linux') expect(start).toBeGreaterThan(0)
  else expect(start).toBeUndefined()
})

test('a store is opened by its URL', async () => {
  expect((await openStore('file:.stasis')).locate('modules/x')).toBe(join(process.cwd(), '.stasis/modules/x'))
  expect((await openStore(pathToFileURL(directory).href)).locate('x')).toBe(join(directory, 'x'))
  expect((await openStore('memory:')).url).toBe('memory:')
  for (const url of ['.stasis', 's3:bucket', 'file:', 'memory:x']) {
    await expect(openStore(url)).rejects.toMatchObject({ code: 'STASIS_STORE_URL' })
  }
})
