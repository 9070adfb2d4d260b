import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { abis } from '../../wasm-shim/wasi/abi.ts'
import { calls } from '../../wasm-shim/wasi/calls/index.ts'
import type { Call, Context } from '../../wasm-shim/wasi/context.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { GuestMemory } from '../../wasm-shim/wasi/guest-memory.ts'
import { bind } from '../../wasm-shim/wasi/link.ts'
import { initialState } from '../../wasm-shim/wasi/state.ts'
import { createTestHost } from '../support/test-host.ts'
import { Guest, resume, start } from './guest.ts'

interface Recorded {
  readonly name: string
  readonly outcome: unknown
  readonly params: readonly unknown[]
}

type Apply = (state: unknown, outcome: unknown, ...params: unknown[]) => void

/** A guest whose calls record what `apply` is given. */
function recording(): { guest: Guest; context: Context; log: Recorded[] } {
  const host = createTestHost({ stdin: 'input', step: 10n })
  const context: Context = {
    state: initialState([], [], [{ guest: '/', kind: 'memory', source: null, readOnly: false }]),
    host,
    clocks: host.clocks,
    streams: [host.stdin, host.stdout, host.stderr],
    memory: new GuestMemory(),
    fileSystems: [MemoryFileSystem.create(() => host.clocks.realtime())],
    handles: [],
    note: undefined,
    orphans: 0,
  }
  const log: Recorded[] = []
  const link = (_: string, name: string) => {
    const row = abis.wasi_snapshot_preview1.get(name)!
    const call = calls.wasi_snapshot_preview1[name]!
    const apply: Apply = (state, outcome, ...params) => {
      // As a log would keep it: no reference to what the kernel changes later.
      log.push({ name, ...structuredClone({ outcome, params }) })
      ;(call.apply as Apply | undefined)?.(state, outcome, ...params)
    }
    return bind(row, { perform: call.perform, apply: apply as Call['apply'] & object }, context)
  }
  const kernel = { link, attach: (memory: () => WebAssembly.Memory) => context.memory.attach(memory) }
  return { guest: new Guest(kernel as never), context, log }
}

const path = fc.constantFrom('a', 'b', 'dir', 'dir/a', 'dir/sub', 'dir/../b', 'link', 'link/a', 'missing/x')
const fd = fc.integer({ min: 0, max: 8 })
const step = fc.oneof(
  fc.tuple(path, fc.boolean(), fc.boolean()).map(([p, creat, append]) => (guest: Guest) => {
    guest.open(3, p, { write: creat, oflags: creat ? ['creat'] : [], fdflags: append ? ['append'] : [] })
  }),
  fd.map((n) => (guest: Guest) => void (n > 3 && guest.close(n))),
  fc.tuple(fd, fd).map(
    ([a, b]) =>
      (guest: Guest) =>
        void (a > 3 && b > 3 && guest.call('fd_renumber', a, b)),
  ),
  fc.tuple(fd, fc.string({ maxLength: 5 })).map(
    ([n, text]) =>
      (guest: Guest) =>
        void guest.write(n, text, 'x'),
  ),
  fc.tuple(fd, fc.nat(9)).map(
    ([n, length]) =>
      (guest: Guest) =>
        void guest.read(n, length),
  ),
  fc.tuple(fd, fc.bigInt(-5n, 20n), fc.nat(2)).map(
    ([n, by, from]) =>
      (guest: Guest) =>
        void guest.seek(n, by, from),
  ),
  fc.tuple(path, path).map(
    ([from, to]) =>
      (guest: Guest) =>
        void guest.rename(3, from, to),
  ),
  fc.tuple(path, path).map(
    ([target, at]) =>
      (guest: Guest) =>
        void guest.symlink(target, 3, at),
  ),
  path.map((p) => (guest: Guest) => void guest.path('path_unlink_file', 3, p)),
  path.map((p) => (guest: Guest) => void guest.path('path_remove_directory', 3, p)),
  path.map((p) => (guest: Guest) => void guest.path('path_create_directory', 3, p)),
  fc.tuple(fd, fc.nat(60)).map(
    ([n, room]) =>
      (guest: Guest) =>
        void guest.readdir(n, 0n, room),
  ),
  fc.nat(3).map((id) => (guest: Guest) => void guest.call('clock_time_get', id, 0n, 0)),
  fc.tuple(fd, fc.nat(5)).map(
    ([n, flags]) =>
      (guest: Guest) =>
        void guest.call('fd_fdstat_set_flags', n, flags),
  ),
)

describe('the kernel state', () => {
  test('is the fold of the outcomes, by apply alone', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { guest, context, log } = recording()
        for (const make of steps) make(guest)
        const replayed = initialState([], [], context.state.mounts)
        for (const { name, outcome, params } of log) {
          ;(calls.wasi_snapshot_preview1[name]!.apply as Apply | undefined)?.(replayed, outcome, ...params)
        }
        expect(replayed).toEqual(context.state)
      }),
      { numRuns: 300 },
    )
  })

  test('describes the same open files after a save and restore at any call', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const plain = start({}, createTestHost({ stdin: 'input', step: 0n }))
        const torture = start({}, createTestHost({ stdin: 'input', step: 0n }))
        let { guest } = torture
        for (const make of steps) {
          make(plain.guest)
          make(guest)
          const restored = resume(guest.kernel.save(), torture.host)
          expect(restored.kernel.describe()).toEqual(plain.guest.kernel.describe())
          guest = restored
        }
        expect(guest.kernel.save()).toEqual(plain.guest.kernel.save())
      }),
      { numRuns: 60 },
    )
  })
})
