// A log that is not the program's: the first call that differs stops the restore, with both sides and the place.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { Session } from '../../host-node/sessions.ts'
import { decodeHeader, encodeHeader } from '../../runtime/log/header.ts'
import { listSegments } from '../../runtime/store/session-log.ts'
import type { Store } from '../../runtime/store/store.ts'
import { letters, wat } from './guests.ts'

/** As `letters`, with other letters: it diverges at its first call. */
const capitals = wat(`(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (func $shout (param $byte i32)
    (i32.store8 (i32.const 64) (local.get $byte))
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 28))))
  (func (export "_start") (call $shout (i32.const 65)) (call $proc_exit (i32.const 7))))`)

let directory: string
let store: Store
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-divergence-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
const streams = () => ({ stdin: 'empty' as const, stdout: () => undefined, cache: join(directory, 'cache') })

async function segmentOf(name: string) {
  const [segment] = await listSegments(store, name)
  return store.locate(segment!.blob)
}

test('it is told with number, both sides and the stack, and nothing of the session is lost', async () => {
  await (await Session.start({ module: letters, store, name: 'letters', keepLog: true, ...streams() })).done
  const session = await Session.start({ module: capitals, store, name: 'capitals', keepLog: true, ...streams() })
  await session.done
  // The log of the one, under the identity of the other.
  const [from, to] = [await segmentOf('letters'), await segmentOf('capitals')]
  const log = readFileSync(from)
  const { session: id } = decodeHeader(new Uint8Array(readFileSync(to)))
  const header = decodeHeader(new Uint8Array(log))
  log.set(encodeHeader({ ...header, session: id }))
  writeFileSync(to, log)
  const replay = Session.replay(store, 'capitals', { store, name: 'again', ...{ cache: streams().cache } })
  const error = await replay.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({
    code: 'STASIS_REPLAY_DIVERGED',
    fields: {
      call: 0,
      expected: expect.stringContaining('fd_write'),
      actual: expect.stringContaining('fd_write'),
      stack: expect.stringMatching(/^\$?shout\n/),
    },
  })
  expect(readFileSync(to).equals(log)).toBe(true)
  expect(await store.owners()).toEqual(new Map())
})
