import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openDirectory } from '../../host-node/directory.ts'
import { compose, type ImportFunction, type Interceptor } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { recover } from '../../runtime/intercept/recover.ts'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { openLog, readLog } from '../../runtime/log/reader.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { findRow, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'
import { testSession } from './guest-run.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-uncommitted-'))
  writeFileSync(join(directory, 'a'), new Uint8Array(16))
  writeFileSync(join(directory, 'b'), new Uint8Array(16))
})
afterEach(() => rmSync(directory, { recursive: true }))

class Killed extends Error {}

/** Calls as a guest in WebAssembly would make them. */
interface Guest {
  open(name: 'a' | 'b'): number
  close(fd: number): void
  seek(fd: number, to: number): void
  sync(fd: number): void
  read(fd: number): number
  write(fd: number, byte: number): void
  random(): number
}

type Program = (guest: Guest) => void

/** Runs a program in the state that the processes before have left, until its end or its `kill`-th live call is made. */
function run(program: Program, log: Uint8Array[], kill: number): { commits: number; calls: number } {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const view = new DataView(memory.buffer)
  const isRecovery = log.length > 0
  const mount: Mount = { guest: '/', kind: 'host', source: directory, readOnly: false, fs: openDirectory(directory) }
  const host = createTestHost({ seed: log.length + 1 })
  const kernel = Kernel.create({ args: [], env: [], mounts: [mount], notes: true, replay: isRecovery }, host)
  kernel.attach(() => memory)
  const chunks = new MemoryChunkStore()
  let [isDead, isReplaying, calls, commits] = [false, isRecovery, 0, 0]
  const sink = (block: Uint8Array) => {
    commits++
    if (!isDead) log.push(block.slice())
  }
  const killing: Interceptor =
    (next) =>
    (...args) => {
      if (isReplaying) return next(...args)
      const outcome = next(...args)
      if (calls++ !== kill) return outcome
      isDead = true
      throw new Killed()
    }
  const options = { memory: () => memory, notes: (module: string, name: string) => kernel.notes(module, name) }
  const source = openLog([new Uint8Array(Buffer.concat(log))])
  const recording = isRecovery
    ? recover(source, {
        ...options,
        chunks,
        kernel,
        goOn: ({ intent, name, words, note }) => {
          isReplaying = false
          kernel.endReplay(intent ? { name, words, note } : undefined)
          const resume = source.reader.resumePoint()
          log.splice(0, log.length, new Uint8Array(Buffer.concat(log)).slice(0, resume.bytes))
          return new LogWriter({ session: testSession, sink, chunks, resume })
        },
      })
    : record(new LogWriter({ session: testSession, sink, chunks }), options)
  const call = (name: string): ((...args: unknown[]) => void) => {
    const row = findRow('wasi_snapshot_preview1', name)!
    const site = {
      index: 0,
      module: 'wasi_snapshot_preview1',
      name,
      params: wasmParameters(row).map((type) => ValType[type]),
      results: [ValType.i32],
    }
    const func = compose([recording, killing], kernel.link('wasi_snapshot_preview1', name) as ImportFunction, site)
    return (...args) => expect(Number(func(...args)) === 0, name).toBe(true)
  }
  const names = ['path_open', 'fd_close', 'fd_seek', 'fd_sync', 'fd_read', 'fd_write', 'random_get'] as const
  const made = Object.fromEntries(names.map((name) => [name, call(name)])) as Record<
    (typeof names)[number],
    ReturnType<typeof call>
  >
  view.setUint32(16, 100, true)
  view.setUint32(20, 1, true)
  const guest: Guest = {
    open: (name) => {
      view.setUint8(0, name.charCodeAt(0))
      made.path_open(3, 0, 0, 1, 0, 0x46n, 0n, 0, 24)
      return view.getUint32(24, true)
    },
    close: (fd) => made.fd_close(fd),
    seek: (fd, to) => made.fd_seek(fd, BigInt(to), 0, 24),
    sync: (fd) => made.fd_sync(fd),
    read: (fd) => {
      made.fd_read(fd, 16, 1, 24)
      return view.getUint8(100)
    },
    write: (fd, byte) => {
      view.setUint8(100, byte)
      made.fd_write(fd, 16, 1, 24)
    },
    random: () => {
      made.random_get(200, 1)
      return view.getUint8(200)
    },
  }
  try {
    program(guest)
  } catch (error) {
    if (!(error instanceof Killed)) throw error
  }
  kernel.close()
  return { commits, calls }
}

const content = (name: string): number[] => [...readFileSync(join(directory, name))]

/** Kills a program after each of its calls, and in the next process after `again` more; then it ends. */
function killEverywhere(program: Program, check: () => void): void {
  const { calls } = run(program, [], Number.POSITIVE_INFINITY)
  for (let kill = 0; kill < calls; kill++) {
    for (const again of [0, 2]) {
      for (const name of ['a', 'b']) writeFileSync(join(directory, name), new Uint8Array(16))
      const log: Uint8Array[] = []
      run(program, log, kill)
      run(program, log, again)
      run(program, log, Number.POSITIVE_INFINITY)
      check()
    }
  }
}

test('what was read before a write is in the log before the write: a counter in a file is not counted twice', () => {
  const program: Program = (guest) => {
    const fd = guest.open('a')
    // Announces the descriptor, elsewhere.
    guest.seek(fd, 8)
    guest.write(fd, 1)
    for (let i = 0; i < 5; i++) {
      guest.seek(fd, 0)
      const before = guest.read(fd)
      guest.seek(fd, 0)
      guest.write(fd, before + 1)
    }
  }
  killEverywhere(program, () => expect(content('a')[0]).toBe(5))
})

test('chance is in the log before a write that depends on it: two files stay the same', () => {
  const program: Program = (guest) => {
    const [a, b] = [guest.open('a'), guest.open('b')]
    for (let i = 0; i < 4; i++) {
      const byte = guest.random()
      for (const fd of [a, b]) guest.write(fd, byte)
    }
  }
  killEverywhere(program, () => expect(content('a')).toEqual(content('b')))
})

test('writes, seeks and flushes after the first write need no commit, and each takes place once', () => {
  const program: Program = (guest) => {
    const fd = guest.open('a')
    for (let i = 0; i < 6; i++) {
      guest.seek(fd, (i * 5) % 16)
      guest.write(fd, i + 1)
      guest.sync(fd)
    }
  }
  // The header, the functions, and what comes before the first write.
  expect(run(program, [], Number.POSITIVE_INFINITY).commits).toBe(3)
  const whole = content('a')
  killEverywhere(program, () => expect(content('a')).toEqual(whole))
})

test('an effect that may wait has one record, and one that may not has two', () => {
  const log: Uint8Array[] = []
  run(
    (guest) => {
      const fd = guest.open('a')
      guest.write(fd, 1)
      guest.write(fd, 2)
      guest.sync(fd)
      guest.read(fd)
      guest.write(fd, 3)
    },
    log,
    Number.POSITIVE_INFINITY,
  )
  const records: string[] = []
  for (const record of readLog([Buffer.concat(log)])) records.push(`${record.fn.shape.name} ${record.kind}`)
  // Nothing has committed the last result.
  expect(records).toEqual([
    'path_open call',
    'fd_write intent',
    'fd_write result',
    'fd_write call',
    'fd_sync call',
    'fd_read call',
    'fd_write intent',
  ])
})

test('a descriptor that stands for another file is announced anew', () => {
  const program: Program = (guest) => {
    const first = guest.open('a')
    guest.write(first, 1)
    guest.close(first)
    const second = guest.open('b')
    guest.write(second, 2)
    guest.write(second, 3)
  }
  expect(run(program, [], Number.POSITIVE_INFINITY).commits).toBe(4)
  killEverywhere(program, () => expect([content('a')[0], ...content('b').slice(0, 2)]).toEqual([1, 2, 3]))
})
