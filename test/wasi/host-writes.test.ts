import { describe, expect, test } from 'vitest'
import { type AbiName, abis, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { GuestMemory } from '../../wasm-shim/wasi/guest-memory.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { CallAccess } from '../../wasm-shim/wasi/host-writes.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'

const size = 65_536

/** A kernel with files and input, and its calls by name with words as arguments. */
function createWorld() {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const host = createTestHost({ stdin: 'some input for the guest, long enough for several reads' })
  const fs = MemoryFileSystem.create(() => host.clocks.realtime())
  const config = {
    args: ['program', 'one', ''],
    env: [['NAME', 'value']] as const,
    mounts: [{ guest: '/data', fs, kind: 'memory' as const, readOnly: false }],
  }
  const kernel = Kernel.create(config, host)
  kernel.attach(() => memory)
  const guest = new GuestMemory()
  guest.attach(() => memory)
  return { memory, kernel, guest, bytes: new Uint8Array(memory.buffer), view: new DataView(memory.buffer) }
}

type World = ReturnType<typeof createWorld>

/** Makes a call and checks that memory changed in the found ranges and results only, and by those is explained in full. */
function check(world: World, module: AbiName, name: string, args: readonly (number | bigint)[]) {
  const row = abis[module].get(name)!
  const access = new CallAccess(row, world.guest, true)
  const words = new Int32Array(args.length * 2)
  args.forEach((arg, i) => {
    words[i * 2] = Number(BigInt.asIntN(32, BigInt(arg)))
    words[i * 2 + 1] = typeof arg === 'bigint' ? Number(BigInt.asIntN(32, arg >> 32n)) : 0
  })
  const before = world.bytes.slice()
  access.before(words)
  const given = access.inputs.gather(world.guest)
  let errno: number
  try {
    errno = world.kernel.link(module, name)!(...args) as number
  } catch (thrown) {
    if (!(thrown instanceof ExitSignal)) throw thrown
    errno = -1
  }
  const results = new Int32Array(access.plan.resultWords)
  if (errno === 0) {
    access.readResults(words, results, 0)
    access.after(words, results, 0)
  }
  const after = world.bytes.slice()
  const written = access.outputs.gather(world.guest)
  // From the memory before the call, what was found must make the memory after it.
  world.bytes.set(before)
  if (errno === 0) {
    access.before(words)
    access.after(words, results, 0, written)
    let at = 0
    for (let i = 0; i < access.outputs.count; i++) {
      const length = access.outputs.lengths[i]!
      world.bytes.set(written.subarray(at, at + length), access.outputs.pointers[i]!)
      at += length
    }
    expect(at, name).toBe(written.length)
    expect(access.writeResults(words, results, 0)).toBe(true)
  }
  if (Buffer.compare(world.bytes, after) !== 0) {
    const first = after.findIndex((byte, i) => byte !== world.bytes[i])
    expect.fail(`${name}: the byte at ${first} was written and not found`)
  }
  return { errno, given, written }
}

describe.each(['wasi_snapshot_preview1', 'wasi_unstable'] as const)('%s', (module) => {
  test('all that a call writes is found', () => {
    const world = createWorld()
    const { view, bytes } = world
    const text = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at)
    const run = (name: string, ...args: (number | bigint)[]) => {
      const found = check(world, module, name, args)
      expect(found.errno === 0, name).toBe(true)
      return found
    }
    // Rubbish everywhere, so that a byte set to zero is noticed as well.
    bytes.fill(0xa5)
    run('args_sizes_get', 0, 4)
    expect(run('args_get', 100, 200).written.length).toBe('program\0one\0\0'.length + 12)
    run('environ_sizes_get', 0, 4)
    run('environ_get', 300, 400)
    run('clock_time_get', 0, 1n, 16)
    run('clock_res_get', 1, 16)
    run('fd_prestat_get', 3, 24)
    expect(Buffer.from(run('fd_prestat_dir_name', 3, 500, 5).written).toString()).toBe('/data')
    text(600, 'file.txt')
    const opened = run('path_open', 3, 0, 600, 8, 1, 0x1fff_ffffn, 0x1fff_ffffn, 0, 32)
    expect(Buffer.from(opened.given).toString()).toBe('file.txt')
    const fd = view.getUint32(32, true)
    view.setUint32(40, 600, true)
    view.setUint32(44, 4, true)
    view.setUint32(48, 604, true)
    view.setUint32(52, 4, true)
    expect(Buffer.from(run('fd_write', fd, 40, 2, 36).given).toString()).toBe('file.txt')
    run('fd_seek', fd, 0n, module === 'wasi_unstable' ? 2 : 0, 56)
    run('fd_tell', fd, 56)
    view.setUint32(40, 700, true)
    view.setUint32(48, 800, true)
    view.setUint32(52, 400, true)
    expect(run('fd_read', fd, 40, 2, 36).written.length).toBe(8)
    expect(run('fd_pread', fd, 40, 2, 3n, 36).written.length).toBe(5)
    expect(run('fd_read', 0, 40, 1, 36).written.length).toBe(4)
    run('fd_fdstat_get', fd, 1000)
    run('fd_filestat_get', fd, 1100)
    run('path_filestat_get', 3, 0, 600, 8, 1200)
    run('fd_readdir', 3, 2000, 300, 0n, 36)
    text(640, 'link')
    run('path_symlink', 600, 8, 3, 640, 4)
    expect(Buffer.from(run('path_readlink', 3, 640, 4, 2400, 100, 36).written).toString()).toBe('file.txt')
    expect(run('random_get', 2600, 100).written.length).toBe(100)
    const layout =
      module === 'wasi_unstable'
        ? { size: 56, id: 24, timeout: 32, flags: 48 }
        : { size: 48, id: 16, timeout: 24, flags: 40 }
    bytes.fill(0, 3000, 3000 + layout.size)
    view.setUint32(3000 + layout.id, 1, true)
    view.setBigUint64(3000 + layout.timeout, 1000n, true)
    const polled = run('poll_oneoff', 3000, 3200, 1, 36)
    expect([polled.given.length, polled.written.length]).toEqual([layout.size, 32])
    // Over its own vectors.
    view.setUint32(40, 40, true)
    view.setUint32(44, 12, true)
    run('fd_read', 0, 40, 1, 36)
  })

  test('failed calls have written nothing, and addresses outside of memory do no harm', () => {
    const world = createWorld()
    for (const [name, row] of abis[module]) {
      for (const value of [0xffff_fff0, size - 3, 0x7fff_ffff, 5]) {
        const args = wasmParameters(row).map((type) => (type === 'i64' ? BigInt(value) : value | 0))
        // Strings that lie over their own addresses cannot be found: neither is of use to a program.
        if (name === 'args_get' || name === 'environ_get') args[1] = 400
        check(world, module, name, args)
      }
    }
  })

  test('overlapping vectors that claim more than there can be count as nothing', () => {
    const world = createWorld()
    for (let i = 0; i < 1024; i++) {
      world.view.setUint32(i * 8, 0, true)
      world.view.setUint32(i * 8 + 4, size, true)
    }
    const found = new CallAccess(abis[module].get('fd_write')!, world.guest, true)
    found.before(Int32Array.of(1, 0, 0, 0, 1025, 0, 40, 0))
    expect(found.inputs.total).toBe(0)
    found.before(Int32Array.of(1, 0, 0, 0, 1024, 0, 40, 0))
    expect(found.inputs.total).toBe(1024 * size)
  })
})
