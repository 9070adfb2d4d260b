import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { type NodeStartOptions, Session } from '../../host-node/sessions.ts'
import { verify } from '../../host-node/verify.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { listSegments } from '../../runtime/store/session-log.ts'
import type { Store } from '../../runtime/store/store.ts'
import { caseNamed } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { letters, wat } from '../session/guests.ts'

let directory: string
let store: Store
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-verify-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const calls = (...numbers: number[]) => numbers.map((call) => ({ kind: 'call' as const, call }))
const options = (more: Partial<NodeStartOptions>): NodeStartOptions => ({
  module: letters,
  store,
  name: 'calc',
  stdin: 'empty',
  stdout: () => undefined,
  stderr: () => undefined,
  cache: join(directory, 'cache'),
  keep: true,
  keepLog: true,
  maxRecovery: 1e9,
  ...more,
})
const check = (version = 0) => verify(store, { name: 'calc', version })

/** Changes what a checkpoint holds: an image that lies by itself stands before the one in the checkpoint file. */
async function change(version: number, edit: (memory: Uint8Array, globals: Uint32Array) => void): Promise<void> {
  const blob = `sessions/calc/${version}.ckpt`
  const checkpoint = decodeCheckpoint((await loadCheckpoint(store, { name: 'calc', version })).bytes)
  const [instance] = checkpoint.instances
  const memory = instance!.memories[0]!.bytes.slice()
  const globals = instance!.globals.slice()
  edit(memory, globals)
  const instances = [{ ...instance!, memories: [{ bytes: memory }], globals }]
  await store.put(blob, [encodeCheckpoint({ ...checkpoint, instances })])
}

describe.each([
  ['lua-closures', [2, 15, 40], 7],
  ['sqlite-shop', [3, 90, 250], 40],
  ['cpython-session', [400, 1100], 499],
] as const)('%s, restored in fresh instances on its way', (name, at, torture) => {
  const each = caseNamed(name)
  const { available, reason, path, argv0 } = program(each.program)
  test.skipIf(!available)(
    `has the memory that its log replayed alone reaches${reason ? `: ${reason}` : ''}`,
    async () => {
      const prepared = prepare(each)
      try {
        const session = await Session.start(
          options({
            module: path,
            args: [argv0, ...each.args],
            env: each.env,
            mounts: prepared.mounts,
            stdin: Buffer.from(each.stdin),
            triggers: calls(...at),
            torture,
          }),
        )
        const outcome = await session.done
        expect(outcome).toMatchObject({ kind: 'exited', torture: { refused: 0 } })
        const { from, compared, isSame } = await check()
        expect(compared.map(({ call, kind, details }) => [call, kind, details])).toEqual(
          at.map((call) => [call - 1, 'same', []]),
        )
        expect([from, isSame]).toEqual(['the beginning', true])
      } finally {
        prepared.dispose()
      }
    },
  )
})

test('a byte of memory that is not as the log says is told with its page, and the others are the same', async () => {
  await (await Session.start(options({ triggers: calls(3, 9) }))).done
  await change(2, (memory) => {
    memory[70_000] = 1
  })
  const { compared, isSame } = await check()
  expect(isSame).toBe(false)
  expect(compared).toEqual([
    { name: 'calc@1', call: 2, kind: 'same', details: [] },
    {
      name: 'calc@2',
      call: 8,
      kind: 'different',
      details: ['memory 0 differs in 1 of 2 pages of 64 KiB, the first at 0x10000'],
    },
  ])
  expect((await check(1)).compared).toHaveLength(1)
  expect((await check(1)).isSame).toBe(true)
})

test('exported mutable globals of every type are compared, hidden ones are not', async () => {
  const module = wat(`(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 1)
    (global (mut i32) (i32.const 5))
    (global (export "a") (mut i64) (i64.const -3))
    (global (export "b") i32 (i32.const 1))
    (global (export "c") (mut f32) (f32.const nan))
    (global (export "d") (mut f64) (f64.const 1.5))
    (global $e (export "e") (mut i32) (i32.const 0))
    (func (export "_start") (loop $again (drop (call $yield))
      (global.set $e (i32.sub (global.get $e) (i32.const 1)))
      (br_if $again (i32.gt_s (global.get $e) (i32.const -9))))))`)
  await (await Session.start(options({ module, triggers: calls(5) }))).done
  expect((await check()).isSame).toBe(true)
  await change(1, (_, globals) => {
    globals[0] = 6
  })
  expect((await check()).isSame).toBe(true)
  await change(1, (_, globals) => {
    globals[1] = 7
    globals[globals.length - 1] = 7
  })
  expect((await check()).compared[0]!.details).toEqual([
    'global 1 is -3 instead of -4294967289',
    'global 5 is -4 instead of 7',
  ])
})

test('a log that begins at a checkpoint is replayed from there', async () => {
  await (await Session.start(options({ triggers: calls(3, 9, 20) }))).done
  const [first] = await listSegments(store, 'calc')
  await store.delete(first!.blob)
  const { from, compared, isSame } = await check()
  expect([from, isSame, compared.map(({ call }) => call)]).toEqual(['calc@1', true, [8, 19]])
  await change(3, (memory) => {
    memory[0] = 1
  })
  expect((await check()).compared.map(({ kind }) => kind)).toEqual(['same', 'different'])
})

test('a checkpoint between two calls is skipped, and alone is no proof', async () => {
  const module = wat(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 16) "\\10\\00\\00\\00\\01")
    (func $step (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))
    (func (export "_start") 
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))
      (loop $again (call $step) (br $again))))`)
  const shown: Uint8Array[] = []
  const session = await Session.start(options({ module, stdout: (bytes) => void shown.push(bytes) }))
  while (shown.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  const { calls: made } = await session.checkpoint({ stop: true })
  expect(made).toBe(1)
  expect(await check()).toMatchObject({ isSame: false, compared: [{ kind: 'skipped' }] })
})

test('a session without a log, or without checkpoints, has nothing to be compared', async () => {
  const nothing = { code: 'STASIS_VERIFY_NOTHING', message: expect.stringContaining('--keep-log') }
  await (await Session.start(options({ log: false, keepLog: false, triggers: calls(3) }))).done
  await expect(check()).rejects.toMatchObject(nothing)
  await expect(verify(store, { name: 'nobody', version: 0 })).rejects.toMatchObject({ code: 'STASIS_VERSION_UNKNOWN' })
  await (await Session.start(options({ name: 'bare' }))).done
  await expect(verify(store, { name: 'bare', version: 0 })).rejects.toMatchObject(nothing)
})
