// Contents of files that did not change are neither read nor hashed nor compared again, and what is carried is always right.
import { expect, test } from 'vitest'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { type CarriedContent, ContentReader } from '../../runtime/session/carried-contents.ts'
import { loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { openFlags } from '../support/open-flags.ts'
import type { TestHost } from '../support/test-host.ts'
import { scribe } from './guests.ts'
import { start } from './harness.ts'

const second = 1_000_000_000n

/** A session that writes files into a directory of the host, of which the test sees what is read. */
async function world() {
  const store = new MemoryStore()
  const read: string[] = []
  let fs: MemoryFileSystem | undefined
  const directory = (host: TestHost): FileSystem => {
    fs = MemoryFileSystem.create(host.clocks.realtime)
    const watched = Object.create(fs) as FileSystem
    const open: FileSystem['open'] = (path, flags) => {
      if (flags.read && !flags.write) read.push(path)
      return fs!.open(path, flags)
    }
    // Methods that use private fields are called on the file system itself.
    return new Proxy(watched, {
      get: (_, key) => {
        if (key === 'open') return open
        const value: unknown = Reflect.get(fs!, key, fs)
        return typeof value === 'function' ? value.bind(fs) : value
      },
    })
  }
  const mounts = [{ host: '/host', guest: '/data' }]
  const options = { module: scribe, store, name: 'calc', keep: true, mounts }
  const memory = { isThere: true }
  const room = {
    hasRoom: () => true,
    allocate: (size: number) => {
      if (!memory.isThere) throw new RangeError('no memory')
      return new Uint8Array(size)
    },
  }
  const { session, host } = await start(options, { directory, room })
  return {
    memory,
    store,
    session,
    host,
    write: async (name: string, byte: string) =>
      expect(await session.call('write', name.charCodeAt(0), byte.charCodeAt(0))).toBe(0),
    /** Another process writes to a file. */
    change: (name: string, text: string): void => {
      const handle = fs!.open(name, openFlags('write', 'create'))
      if (typeof handle !== 'object') throw new Error(`errno ${-handle}`)
      handle.write(new TextEncoder().encode(text), 0)
      handle.close()
    },
    /** Takes a checkpoint; what was read for it, and what it has, by name. */
    taken: async (files = true) => {
      read.length = 0
      const { version } = await session.checkpoint({ files })
      const carried = decodeCheckpoint((await loadCheckpoint(store, { name: 'calc', version })).bytes).files!
      const contents = carried.files.map(
        ({ path, content }) =>
          [path, content === null ? null : new TextDecoder().decode(carried.contents[content])] as const,
      )
      return { read: [...read], contents: Object.fromEntries(contents) }
    },
  }
}

test('a file is read again only when it has changed, or may have', async () => {
  const { session, host, write, change, taken } = await world()
  await write('m', '1')
  // Written a moment ago: another change within the same moment would leave no trace.
  expect(await taken()).toEqual({ read: ['m'], contents: { m: '1' } })
  expect(await taken()).toEqual({ read: ['m'], contents: { m: '1' } })
  host.advance(2n * second)
  expect(await taken()).toEqual({ read: ['m'], contents: { m: '1' } })
  for (let again = 0; again < 3; again++) expect(await taken()).toEqual({ read: [], contents: { m: '1' } })
  // One without files between.
  expect(await taken(false)).toEqual({ read: [], contents: { m: null } })
  expect(await taken()).toEqual({ read: [], contents: { m: '1' } })
  // Another process writes as many bytes.
  change('m', '2')
  expect(await taken()).toEqual({ read: ['m'], contents: { m: '2' } })
  await write('m', '3')
  expect(await taken()).toEqual({ read: ['m'], contents: { m: '3' } })
  host.advance(3n * second)
  await taken()
  // Others come before it and behind it in the list, and go again.
  await write('a', 'x')
  await write('z', 'y')
  expect(await taken()).toEqual({ read: expect.not.arrayContaining(['m']), contents: { m: '3', a: 'x', z: 'y' } })
  host.advance(3n * second)
  expect((await taken()).read.sort()).toEqual(['a', 'z'])
  expect(await taken()).toEqual({ read: [], contents: { m: '3', a: 'x', z: 'y' } })
  await session.end()
})

test('a checkpoint that could not be saved leaves the next one right', async () => {
  const { store, session, host, write, taken } = await world()
  await write('m', '1')
  host.advance(3n * second)
  await taken()
  await write('n', '2')
  host.advance(3n * second)
  const { append } = store
  store.append = async () => {
    throw new Error('no space left')
  }
  await expect(session.checkpoint()).rejects.toThrow('no space left')
  store.append = append
  expect(await taken()).toEqual({ read: [], contents: { m: '1', n: '2' } })
  await session.end()
})

test('a checkpoint for which there is no memory has handed over nothing', async () => {
  const { session, host, memory, write, taken } = await world()
  await write('m', '1')
  host.advance(3n * second)
  memory.isThere = false
  await expect(session.checkpoint()).rejects.toMatchObject({ code: 'STASIS_CAPTURE_MEMORY' })
  memory.isThere = true
  expect(await taken()).toEqual({ read: ['m'], contents: { m: '1' } })
  expect(await taken()).toEqual({ read: [], contents: { m: '1' } })
  await session.end()
})

test('what is the same costs the store no more than its place in the list', async () => {
  const { session, host, write, change, taken } = await world()
  await write('m', '1')
  await write('n', '1')
  change('m', 'm'.repeat(100_000))
  host.advance(3n * second)
  await taken()
  await taken()
  const { added } = await session.checkpoint()
  expect(added).toBeLessThan(8 * 4096)
  // The memory of its content is handed over once.
  change('n', 'n'.repeat(70_000))
  host.advance(3n * second)
  const { contents } = await taken()
  expect([contents['m'], contents['n']]).toEqual(['m'.repeat(100_000), 'n'.repeat(70_000)])
  await session.end()
})

test('a reader that fails has taken nothing, and reads a file of no number each time', () => {
  let now = 10n * second
  const reader = new ContentReader(() => now)
  let reads = 0
  const source = (text: string | undefined, isReadable = true) => ({
    length: 5,
    ...(text !== undefined && { stamp: { text, changed: second } }),
    read: (target: Uint8Array) => {
      reads++
      if (!isReadable) throw new Error('unreadable')
      target.fill(7)
    },
  })
  const shape = (contents: readonly CarriedContent[]) =>
    contents.map(({ id, length, bytes }) => [id, length, bytes?.length])
  expect(shape(reader.read([source('a'), source(undefined)]))).toEqual([
    [1, 5, 8],
    [2, 5, 8],
  ])
  expect(() => reader.read([source('b'), source('c', false)])).toThrow('unreadable')
  expect(shape(reader.read([source('a'), source(undefined)]))).toEqual([
    [1, 5, undefined],
    [3, 5, 8],
  ])
  // A clock behind that of the file system: nothing is believed.
  now = 0n
  reads = 0
  reader.read([source('d')])
  reader.read([source('d')])
  expect(reads).toBe(2)
})
