// What WASI records, and how it answers from a record.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CallLog } from '../../host-node/wasi/call-log.ts'
import { fileLog, readFileLog } from '../../host-node/wasi/file-log.ts'
import type { WASIOptions } from '../../host-node/wasi/options.ts'
import { WASI } from '../../host-node/wasi/wasi.ts'
import { assemble, programText, start } from './guests.ts'

const directory = mkdtempSync(join(tmpdir(), 'stasis-replay-'))
afterAll(() => rmSync(directory, { recursive: true }))

const write = (fd: number) => `
  (i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) (i32.const 16))
  (drop (call $fd_write ${fd === 1 ? '(i32.const 1)' : '(i32.load (i32.const 200))'} (i32.const 32) (i32.const 1) (i32.const 40)))`
const random = (length: number | string) =>
  `(drop (call $random_get (i32.const 64) ${typeof length === 'number' ? `(i32.const ${length})` : length}))`
const open = `(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 3) (i32.const 1)
  (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 200)))`
const imports = ['random_get', 'fd_write', 'path_open', 'proc_exit', 'sched_yield']
const program = (...body: readonly string[]) => programText(imports, start(...body), { 128: 'out' })

const texts = {
  /** Exits with a random number, after it has written others into a file. */
  dice: program(
    random(16),
    open,
    write(200),
    random(4),
    '(call $proc_exit (i32.and (i32.load (i32.const 64)) (i32.const 63)))',
  ),
  'dice that open nothing': program(random(16), random(4), '(call $proc_exit (i32.const 0))'),
  'dice of another size': program(random(17)),
  'dice thrown on and on': program(`(loop $next (try (do ${random(16)}) (catch_all)) (br $next))`),
  /** 1,400 times 60,000 bytes. */
  flood: program(
    `(local $i i32) (loop $next ${random(60_000)} (local.set $i (i32.add (local.get $i) (i32.const 1)))
       (br_if $next (i32.lt_u (local.get $i) (i32.const 1400)))) (call $proc_exit (i32.const 5))`,
  ),
  'small calls': program(
    `(local $i i32) (loop $next ${random(8)} (local.set $i (i32.add (local.get $i) (i32.const 1)))
       (br_if $next (i32.lt_u (local.get $i) (i32.const 20000))))`,
  ),
  'calls that trap': program(random(8), random(8), 'unreachable'),
  payload: program(random(200_000), '(call $proc_exit (i32.load8_u (i32.const 50000)))'),
}
type Name = keyof typeof texts
const modules = new Map<string, WebAssembly.Module>()
beforeAll(async () => {
  for (const [name, text] of Object.entries(texts)) modules.set(name, new WebAssembly.Module(await assemble(text)))
})

interface Ran {
  readonly code: number
  readonly memory: Buffer
  readonly wasi: WASI
  readonly log: CallLog
}

function run(name: Name, options: Omit<WASIOptions, 'version'> = {}): Ran {
  const wasi = new WASI({ version: 'preview1', preopens: { '/': directory }, ...options })
  const instance = new WebAssembly.Instance(modules.get(name)!, wasi.getImportObject())
  const code = wasi.start(instance)
  const memory = Buffer.from((instance.exports.memory as WebAssembly.Memory).buffer.slice(0))
  return { code, memory, wasi, log: wasi.callLog }
}

const recorded = (log: CallLog) => {
  if (log.kind !== 'recorded') throw new Error(`nothing was recorded: ${JSON.stringify(log)}`)
  return log
}

const noChunks = { put: () => undefined, get: () => undefined }

const codeOf = (call: () => unknown): unknown => {
  try {
    return call()
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a run that was recorded', () => {
  test('is answered from the log as it was, without any host', () => {
    const live = run('dice')
    const log = recorded(live.log)
    expect(log.calls).toBe(5)
    const out = join(directory, 'out')
    expect(readFileSync(out).length).toBe(16)
    rmSync(out)
    for (let i = 0; i < 3; i++) {
      const again = run('dice', { replay: log, preopens: { '/': join(directory, 'missing') }, stdin: 987 })
      expect(again.code).toBe(live.code)
      expect(again.memory.equals(live.memory)).toBe(true)
      expect(again.log).toEqual({ kind: 'replayed', calls: 5, complete: true })
    }
    expect(existsSync(out)).toBe(false)
  })

  test('is answered from bytes alone and from pieces of any size', () => {
    const live = run('dice')
    const { bytes } = recorded(live.log)
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(i * 7, i * 7 + 7))
    expect(run('dice', { replay: bytes }).code).toBe(live.code)
    expect(run('dice', { replay: pieces }).code).toBe(live.code)
    expect(run('dice', { replay: { bytes: pieces } }).code).toBe(live.code)
  })

  test('needs its chunks where payloads are large', () => {
    const live = run('payload')
    const { bytes, chunks } = recorded(live.log)
    expect(chunks.size).toBe(1)
    const again = run('payload', { replay: { bytes, chunks } })
    expect(again.code).toBe(live.code)
    expect(again.memory.equals(live.memory)).toBe(true)
    expect(codeOf(() => run('payload', { replay: bytes }))).toBe('STASIS_LOG_CHUNK_MISSING')
  })

  test.each([
    ['dice that open nothing', 'STASIS_REPLAY_DIVERGED'],
    ['dice of another size', 'STASIS_REPLAY_DIVERGED'],
  ] as const)('differs from another program: %s', (other, code) => {
    const { bytes } = recorded(run('dice').log)
    expect(codeOf(() => run(other, { replay: bytes }))).toBe(code)
  })

  test('ends where the log ends, even in a program that catches everything', () => {
    const { bytes } = recorded(run('dice of another size').log)
    expect(codeOf(() => run('dice thrown on and on', { replay: bytes }))).toBe('STASIS_REPLAY_DIVERGED')
    const ended = () => run('dice thrown on and on', { replay: recorded(sixteen()).bytes })
    expect(codeOf(ended)).toBe('STASIS_REPLAY_ENDED')
    expect(ended).toThrow('The program makes call 1, and the log has 1 calls and no more.')
  })

  const sixteen = () => {
    const wasi = new WASI({ version: 'preview1' })
    wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } })
    wasi.wasiImport.random_get?.(64, 16)
    return wasi.callLog
  }

  test('is cut where a call was announced and never answered', () => {
    const live = run('dice')
    const { bytes } = recorded(live.log)
    const codes = new Set<unknown>()
    for (let length = 48; length < bytes.length; length++) {
      codes.add(codeOf(() => run('dice', { replay: bytes.subarray(0, length) }).code))
    }
    expect([...codes]).toEqual(['STASIS_REPLAY_ENDED'])
  })

  test('tells when the program made fewer calls than the log has', () => {
    const log = recorded(run('small calls').log)
    const wasi = new WASI({ version: 'preview1', replay: log })
    wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 2 }) } })
    wasi.wasiImport.random_get?.(64, 8)
    expect(wasi.callLog).toEqual({ kind: 'replayed', calls: 1, complete: false })
    expect(wasi.callLog).toEqual({ kind: 'replayed', calls: 1, complete: false })
    wasi.wasiImport.random_get?.(64, 8)
    expect(wasi.callLog).toEqual({ kind: 'replayed', calls: 2, complete: false })
  })

  test('can be looked at while it goes on', () => {
    const wasi = new WASI({ version: 'preview1' })
    expect(recorded(wasi.callLog).calls).toBe(0)
    wasi.initialize({ exports: { memory: new WebAssembly.Memory({ initial: 1 }) } })
    for (let calls = 1; calls < 4; calls++) {
      wasi.wasiImport.sched_yield?.()
      expect(recorded(wasi.callLog).calls).toBe(calls)
    }
  })
})

describe('the log', () => {
  test('is not kept where that is turned off', () => {
    const { log } = run('dice', { log: false })
    expect(log).toMatchObject({ kind: 'absent', reason: 'off' })
  })

  test('is dropped when it is larger than 64 MB, which callLog tells, and the program goes on', () => {
    const { code, log } = run('flood')
    expect(code).toBe(5)
    expect(log).toMatchObject({ kind: 'absent', reason: 'limit' })
    expect(log).toHaveProperty(
      'message',
      expect.stringMatching(/after call 11\d\d, when it was larger than 67108864 bytes/),
    )
  })

  test('takes few bytes a call', () => {
    const log = recorded(run('small calls').log)
    expect(log.calls).toBe(20_000)
    expect(log.bytes.length / log.calls).toBeLessThan(14)
  })

  test('goes to a file and from there into a replay', () => {
    const path = join(directory, 'calls.log')
    const target = fileLog(path)
    const live = run('payload', { log: target })
    expect(live.log).toEqual({ kind: 'elsewhere', calls: 2 })
    target.close()
    expect(readdirSync(`${path}.chunks`)).toHaveLength(1)
    const again = run('payload', { replay: readFileLog(path) })
    expect(again.code).toBe(live.code)
    expect(again.memory.equals(live.memory)).toBe(true)
    expect(codeOf(() => fileLog(path))).toBe('STASIS_LOG_FILE')
    expect(codeOf(() => fileLog(join(directory, 'none/calls.log')))).toBe('STASIS_LOG_FILE')
    expect(codeOf(() => new WASI({ version: 'preview1', replay: readFileLog(join(directory, 'none')) }))).toBe(
      'STASIS_LOG_FILE',
    )
  })

  test('is all with its target when a program has returned, and when it has trapped', () => {
    for (const name of ['small calls', 'calls that trap'] as const) {
      const blocks: Uint8Array[] = []
      const target = { sink: (block: Uint8Array) => void blocks.push(block.slice()), chunks: noChunks }
      const outcome = (options: object) => {
        const wasi = new WASI({ version: 'preview1', ...options })
        const instance = new WebAssembly.Instance(modules.get(name)!, wasi.getImportObject())
        try {
          return [wasi.start(instance), wasi]
        } catch (error) {
          return [(error as Error).message, wasi]
        }
      }
      const [live] = outcome({ log: target })
      const [again, wasi] = outcome({ replay: blocks })
      expect(again).toBe(live)
      expect((wasi as WASI).callLog).toMatchObject({ kind: 'replayed', complete: true })
    }
  })

  test('has the call before its effect takes place, which a sink that throws prevents', () => {
    const out = join(directory, 'out')
    rmSync(out, { force: true })
    let blocks = 0
    const target = fileLog(join(directory, 'full.log'))
    const sink = (): void => {
      blocks++
      // Header, functions, two times what comes before an effect: opening and writing.
      if (blocks === 4) throw new Error('The disk is full.')
    }
    expect(() => run('dice', { log: { sink, chunks: target.chunks } })).toThrow('The disk is full.')
    expect(readFileSync(out).length).toBe(0)
  })
})

const noSink = (): void => undefined

describe('the options that node:wasi does not have', () => {
  const make = (options: object) => codeOf(() => new WASI({ version: 'preview1', ...options }))
  writeFileSync(join(directory, 'foreign'), 'This is no log, and longer than the header of one would be.')
  test.each([
    ['an unknown option', { presets: {} }, 'STASIS_OPTION_UNKNOWN'],
    ['a log that is none', { log: 5 }, 'STASIS_OPTION'],
    ['a log without chunks', { log: { sink: noSink } }, 'STASIS_OPTION'],
    ['a replay that is none', { replay: 5 }, 'STASIS_OPTION'],
    ['a replay of null', { replay: null }, 'STASIS_OPTION'],
    ['a replay of a text', { replay: 'calls.log' }, 'STASIS_OPTION'],
    ['a replay without bytes', { replay: { kind: 'absent' } }, 'STASIS_OPTION'],
    ['a replay of pieces that are no bytes', { replay: ['x'] }, 'STASIS_OPTION'],
    ['both', { replay: new Uint8Array(0), log: { sink: noSink, chunks: new Map() } }, 'STASIS_OPTION'],
    ['an empty log', { replay: new Uint8Array(0) }, 'STASIS_LOG_DAMAGED'],
    ['a foreign log', { replay: readFileSync(join(directory, 'foreign')) }, 'STASIS_LOG_FOREIGN'],
  ])('are refused: %s', (_, options, code) => expect(make(options)).toBe(code))
})
