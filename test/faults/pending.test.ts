import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { Session } from '../../host-node/sessions.ts'
import { openLog } from '../../runtime/log/reader.ts'
import { wat } from '../session/guests.ts'

/**
 * Opens /data/file, reads a byte of stdin, makes the effect, reads another byte, appends that to the file, and exits with
 * the file's size.
 */
const guest = (effect: string) =>
  wat(`(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "file")
  (func $open (param $flags i32) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 4) (local.get $flags)
      (i64.const 0x1fffffff) (i64.const 0x1fffffff) (i32.const 0) (i32.const 32)))
    (i32.load (i32.const 32)))
  (func $read (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $write (param $fd i32) (drop (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func (export "_start") (local $fd i32)
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 1))
    (local.set $fd (call $open (i32.const 1)))
    (call $read)
    ${effect}
    (call $read)
    (drop (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 2) (i32.const 40)))
    (call $write (local.get $fd))
    (call $proc_exit (i32.add (i32.const 1) (i32.load (i32.const 40))))))`)

const effects = {
  'a write': ['(call $write (local.get $fd))', 2],
  'a change of size': ['(drop (call $set_size (local.get $fd) (i64.const 100)))', 101],
  'opening it once more to truncate it': ['(drop (call $open (i32.const 8)))', 1],
  'a change of its times by name': [
    '(drop (call $set_times (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 4) (i64.const 7) (i64.const 7) (i32.const 5)))',
    1,
  ],
} as const

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-pending-'))
  mkdirSync(join(directory, 'data'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test.each(Object.entries(effects))(
  '%s that a kill caught after it took place is not taken for a change by others',
  async (_, [effect, code]) => {
    const store = new FileStore(join(directory, 'store'))
    const folder = join(directory, 'store', 'sessions', 'calc')
    const mounts = [{ host: join(directory, 'data'), guest: '/data' }]
    const common = { mounts, cache: false as const, stdout: () => undefined }
    const stdin = new PassThrough()
    const session = await Session.start({ ...common, module: guest(effect), store, name: 'calc', stdin })
    const { calls } = await session.checkpoint()
    stdin.write('x')
    // The effect has come back when the guest waits again, since what was recorded is handed out then.
    const segment = join(
      folder,
      readdirSync(folder).find((name) => name.startsWith(`${calls}-`) && name.endsWith('.log')) ??
        `${calls}-${session.id.slice(0, 8)}.log`,
    )
    while (kindsOf(segment).at(-1)?.kind !== 'result') await new Promise((resolve) => setTimeout(resolve, 5))
    await session.terminate(137)
    const intent = kindsOf(segment).findLast((one) => one.kind === 'intent')!
    writeFileSync(segment, readFileSync(segment).subarray(0, intent.end))
    const module = guest(effect)
    const again = await Session.restore(store, 'calc', { ...common, module, stdin: Buffer.from('y') })
    expect(await again.done).toEqual({ kind: 'exited', code })
  },
)

/** Records of a segment, and the byte at which the block of each ends. */
function kindsOf(path: string): readonly { readonly kind: string; readonly end: number }[] {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return []
  }
  const found: { kind: string; end: number }[] = []
  for (let end = 48; end <= bytes.length; end++) {
    const source = openLog([bytes.subarray(0, end)])
    let count = 0
    let kind = ''
    for (let record = source.next(); record !== undefined; record = source.next()) {
      count++
      kind = record.kind
    }
    if (count > found.length) found.push({ kind, end })
  }
  return found
}
