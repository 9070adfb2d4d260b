// Functions of the embedder's own are intercepted like WASI's: stopped at, logged, and answered by the log.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { Session } from '../../host-node/sessions.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { wat } from './guests.ts'

/** Calls env.next eight times, directly and through a table, and exits with the sum of what it returned. */
const guest = wat(`(module
  (import "env" "next" (func $next (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (type $next (func (param i32 i64) (result i32)))
  (table 1 funcref) (elem (i32.const 0) $next)
  (memory (export "memory") 1)
  (func $add (param $i i32) (result i32)
    (i32.add
      (call $next (local.get $i) (i64.const 5000000000))
      (call_indirect (type $next) (local.get $i) (i64.const -1) (i32.const 0))))
  (func (export "_start") (local $i i32) (local $sum i32)
    (loop $again
      (drop (call $yield))
      (local.set $sum (i32.add (local.get $sum) (call $add (local.get $i))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
    (call $exit (local.get $sum))))`)

let directory: string
let store: Store
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-functions-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
  // Each call leaves a line, and returns how many there are.
  writeFileSync(
    join(directory, 'env.mjs'),
    `import { appendFileSync, readFileSync } from 'node:fs'
    const file = ${JSON.stringify(join(directory, 'calls.txt'))}
    export const imports = ({ memory }) => ({
      next: (a, b) => {
        appendFileSync(file, a + ' ' + b + ' ' + memory().buffer.byteLength + '\\n')
        return readFileSync(file, 'utf8').split('\\n').length - 1
      },
    })`,
  )
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const options = () => ({
  imports: { env: join(directory, 'env.mjs') },
  stdin: 'empty' as const,
  cache: join(directory, 'cache'),
})
const lines = () => readFileSync(join(directory, 'calls.txt'), 'utf8').trim().split('\n')

test('a program calls them, is stopped between two of them, and goes on', async () => {
  const triggers = [{ kind: 'call', call: 6 }] as const
  const session = await Session.start({
    ...{ module: guest, store, name: 'calc', triggers, stopAfterSnapshot: true },
    ...options(),
  })
  expect(await session.done).toMatchObject({ kind: 'suspended', checkpoint: { calls: 5 } })
  await expect(Session.restore(store, 'calc', { stdin: 'empty' })).rejects.toMatchObject({
    code: 'STASIS_IMPORT_UNKNOWN',
  })
  const again = await Session.restore(store, 'calc', options())
  expect(await again.done).toEqual({ kind: 'exited', code: 36 })
  expect(lines()).toHaveLength(8)
  expect(lines()[0]).toBe('0 5000000000 65536')
  expect(lines()[1]).toBe('0 -1 65536')
})

test('the log answers them, so that a replay does not call them', async () => {
  const session = await Session.start({ module: guest, store, name: 'calc', keepLog: true, ...options() })
  expect(await session.done).toEqual({ kind: 'exited', code: 36 })
  rmSync(join(directory, 'calls.txt'))
  const replay = await Session.replay(store, 'calc', {
    ...{ store: new MemoryStore(), name: 'again', imports: options().imports, cache: options().cache },
  })
  expect(await replay.done).toEqual({ kind: 'exited', code: 36 })
  expect(existsSync(join(directory, 'calls.txt'))).toBe(false)
})

test('what cannot be loaded is told before the program runs', async () => {
  const start = (imports: Record<string, string>) =>
    Session.start({ ...options(), module: guest, store, name: 'calc', imports })
  await expect(start({ env: join(directory, 'none.mjs') })).rejects.toMatchObject({ code: 'STASIS_IMPORTS' })
  writeFileSync(join(directory, 'empty.mjs'), 'export const functions = 1')
  await expect(start({ env: join(directory, 'empty.mjs') })).rejects.toMatchObject({ code: 'STASIS_IMPORTS' })
  writeFileSync(join(directory, 'other.mjs'), 'export const imports = () => ({})')
  await expect(start({ env: join(directory, 'other.mjs') })).rejects.toMatchObject({ code: 'STASIS_IMPORT_UNKNOWN' })
})
