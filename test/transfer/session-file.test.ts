// A session as a file: written from one store, read into another, and damaged on the way.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import { listVersions } from '../../runtime/store/checkpoints.ts'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { isSessionFile, nameInFile, readSessionFile, writeSessionFile } from '../../runtime/transfer/session-file.ts'
import { program } from '../programs/programs.ts'
import { restore, start } from '../session/harness.ts'

const lua = program('lua')
const uuid = () => randomUUID()

describe.skipIf(!lua.available)('a session file', () => {
  let file: Uint8Array
  beforeEach(async () => {
    const store = new MemoryStore()
    const { session } = await start(
      {
        ...{ module: new Uint8Array(readFileSync(lua.path)), moduleName: 'lua.wasm', store, name: 'calc' },
        args: ['lua', '-e', 'local x = 40 io.read() print(x + 2)'],
        triggers: [{ kind: 'first-stdin' }],
        stopAfterSnapshot: true,
      },
      { stdinOpen: true },
    )
    expect((await session.done).kind).toBe('suspended')
    file = concat(await writeSessionFile(store, 'calc', { uuid }))
    expect(mayRun(await loadLease(store, 'calc'))).toBe(true)
  })

  test('has all that another store needs, as often as it is read', async () => {
    expect(isSessionFile(file)).toBe(true)
    expect(await nameInFile(file)).toBe('calc')
    const there = new MemoryStore()
    for (const name of ['one', 'two']) {
      await readSessionFile(there, name, file, { uuid })
      const { session, host } = await restore(there, name, {}, { stdin: '\n' })
      expect(await session.done).toMatchObject({ kind: 'exited', code: 0 })
      expect(host.stdoutText()).toBe('42\n')
    }
  })

  test('that is cut is refused at every length, and leaves nothing that runs', async () => {
    for (let length = 8; length < file.length; length += Math.ceil(file.length / 60)) {
      const there = new MemoryStore()
      await expect(readSessionFile(there, 'calc', file.slice(0, length), { uuid })).rejects.toThrow(
        /STASIS|damaged|lost/,
      )
      expect(await listVersions(there, 'calc')).toEqual([])
    }
  })

  test('that is changed is refused', async () => {
    let refused = 0
    for (let at = 8; at < file.length; at += Math.ceil(file.length / 200)) {
      const changed = file.slice()
      changed[at]! ^= 0x55
      const there = new MemoryStore()
      await readSessionFile(there, 'calc', changed, { uuid }).then(
        () => undefined,
        () => {
          refused++
        },
      )
    }
    // A byte of an identity or of the name is not known to be wrong.
    expect(refused).toBeGreaterThan(190)
  })
})

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
