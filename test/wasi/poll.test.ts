import { describe, expect, test } from 'vitest'
import { WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import { createTestHost, type TestHost } from '../support/test-host.ts'
import { at, type Guest, resume, start } from './guest.ts'

type Subscription =
  | { readonly clock: number; readonly timeout: bigint; readonly absolute?: boolean }
  | { readonly read: number }
  | { readonly write: number }

interface Layout {
  readonly size: number
  readonly clock: number
  readonly timeout: number
  readonly flags: number
}
const preview1: Layout = { size: 48, clock: 16, timeout: 24, flags: 40 }
const unstable: Layout = { size: 56, clock: 24, timeout: 32, flags: 48 }

/** Writes subscriptions with userdata 100, 101, ... and polls; events as [userdata, error, type, bytes, flags]. */
function poll(guest: Guest, subscriptions: readonly Subscription[], layout = preview1): number[][] | string {
  const { view } = guest
  guest.bytes.fill(0, at.vectors, at.vectors + 4096)
  subscriptions.forEach((one, index) => {
    const base = at.vectors + index * layout.size
    view.setBigUint64(base, BigInt(100 + index), true)
    if ('clock' in one) {
      view.setUint8(base + 8, 0)
      view.setUint32(base + layout.clock, one.clock, true)
      view.setBigUint64(base + layout.timeout, one.timeout, true)
      view.setUint16(base + layout.flags, one.absolute ? 1 : 0, true)
    } else {
      view.setUint8(base + 8, 'read' in one ? 1 : 2)
      view.setUint32(base + 16, 'read' in one ? one.read : one.write, true)
    }
  })
  const errno = guest.call('poll_oneoff', at.vectors, at.bytes, subscriptions.length, at.result)
  if (errno !== 'ESUCCESS') return errno
  return Array.from({ length: guest.u32() }, (_, index) => {
    const base = at.bytes + index * 32
    return [
      Number(view.getBigUint64(base, true)),
      view.getUint16(base + 8, true),
      view.getUint8(base + 10),
      Number(view.getBigUint64(base + 16, true)),
      view.getUint16(base + 24, true),
    ]
  })
}

const ms = 1_000_000n
const still = { step: 0n, realtime: 1_000_000n * ms, monotonic: 500n * ms }
const clockDone = (userdata: number) => [userdata, 0, 0, 0, 0]

function started(options: Parameters<typeof createTestHost>[0] = {}): { guest: Guest; host: TestHost } {
  const host = createTestHost({ ...still, ...options })
  return { guest: start({}, host).guest, host }
}

describe('waiting for clocks', () => {
  test('takes a relative time on any clock', () => {
    for (const clock of [0, 1, 2]) {
      const { guest, host } = started()
      const before = host.clocks.monotonic()
      expect(poll(guest, [{ clock, timeout: 30n * ms }])).toEqual([clockDone(100)])
      expect(host.clocks.monotonic() - before).toBe(30n * ms)
    }
  })

  test('waits until an absolute time, of day or monotonic, and not at all when it is over', () => {
    const { guest, host } = started()
    expect(poll(guest, [{ clock: 1, timeout: 520n * ms, absolute: true }])).toEqual([clockDone(100)])
    expect(host.clocks.monotonic()).toBe(520n * ms)
    expect(poll(guest, [{ clock: 0, timeout: 1_000_050n * ms, absolute: true }])).toEqual([clockDone(100)])
    expect(host.clocks.monotonic()).toBe(550n * ms)
    expect(poll(guest, [{ clock: 0, timeout: 5n, absolute: true }])).toEqual([clockDone(100)])
    expect(host.clocks.monotonic()).toBe(550n * ms)
    expect(poll(guest, [{ clock: 3, timeout: 5n, absolute: true }])).toEqual([[100, 58, 0, 0, 0]])
    expect(poll(guest, [{ clock: 9, timeout: 5n }])).toEqual([[100, 28, 0, 0, 0]])
  })

  test('ends with the earliest of several, and tells all that hold', () => {
    const { guest } = started()
    const subscriptions = [
      { clock: 1, timeout: 30n * ms },
      { clock: 1, timeout: 10n * ms },
      { clock: 0, timeout: 10n * ms },
    ]
    expect(poll(guest, subscriptions)).toEqual([clockDone(101), clockDone(102)])
  })

  test('does not overflow on an endless timeout', () => {
    const { guest } = started({ stdin: 'x' })
    expect(poll(guest, [{ clock: 1, timeout: (1n << 64n) - 1n }, { read: 0 }])).toEqual([[101, 0, 1, 1, 0]])
  })
})

describe('waiting for descriptors', () => {
  test('finds stdin readable, ended, or not within the time', () => {
    const timer = { clock: 1, timeout: 10n * ms }
    const { guest, host } = started({ stdinOpen: true })
    expect(poll(guest, [timer, { read: 0 }])).toEqual([clockDone(100)])
    host.feedStdin('four')
    expect(poll(guest, [timer, { read: 0 }])).toEqual([[101, 0, 1, 4, 0]])
    expect(guest.read(0, 10)).toBe('four')
    host.endStdin()
    expect(poll(guest, [timer, { read: 0 }])).toEqual([[101, 0, 1, 0, 1]])
  })

  test('finds output and files ready at once', () => {
    const { guest } = started({ stdinOpen: true })
    const fd = guest.create(3, 'file', 'content')
    guest.seek(fd, 2n, 0)
    expect(poll(guest, [{ write: 1 }, { write: 2 }, { read: fd }, { write: fd }, { read: 0 }])).toEqual([
      [100, 0, 2, 1, 0],
      [101, 0, 2, 1, 0],
      [102, 0, 1, 5, 0],
      [103, 0, 2, 1, 0],
    ])
  })

  test('tells EBADF per subscription', () => {
    const { guest } = started()
    expect(poll(guest, [{ read: 77 }, { write: 3 }, { write: 0 }, { read: 1 }])).toEqual([
      [100, 8, 1, 0, 0],
      [101, 8, 2, 0, 0],
      [102, 8, 2, 0, 0],
      [103, 8, 1, 0, 0],
    ])
  })

  test('refuses to wait for nothing', () => {
    const { guest } = started()
    expect(poll(guest, [])).toBe('EINVAL')
    expect(guest.call('poll_oneoff', 0, 0, 100_000, 0)).toBe('EINVAL')
  })
})

describe('wasi_unstable', () => {
  test('lays subscriptions out differently', () => {
    const host = createTestHost(still)
    const { guest } = start({}, host, 'wasi_unstable')
    const subscriptions = [{ clock: 0, timeout: 10n * ms }, { write: 1 }]
    expect(poll(guest, subscriptions.slice(0, 1), unstable)).toEqual([clockDone(100)])
    expect(host.clocks.monotonic()).toBe(510n * ms)
    expect(poll(guest, subscriptions, unstable)).toEqual([[101, 0, 2, 1, 0]])
  })

  test('numbers whence and lays filestat out differently', () => {
    const { guest } = start({}, createTestHost(), 'wasi_unstable')
    const fd = guest.create(3, 'file', 'hello')
    expect(guest.seek(fd, -1n, 0)).toBe(4n)
    expect(guest.seek(fd, -2n, 1)).toBe(3n)
    expect(guest.seek(fd, 1n, 2)).toBe(1n)
    expect(guest.seek(fd, 1n, 3)).toBe('EINVAL')
    guest.bytes.fill(255, 0, 64)
    expect(guest.call('fd_filestat_get', fd, 0)).toBe('ESUCCESS')
    expect([guest.bytes[16], guest.u32(20), guest.u64(24)]).toEqual([4, 1, 5n])
    expect(guest.u32(56)).toBe(0xffff_ffff)
  })
})

describe('a checkpoint request', () => {
  /** Answers 'interrupted' once, after letting some time pass. */
  const interruptible = (after: bigint) => {
    const host = createTestHost({ ...still, stdinOpen: true })
    let pending = true
    const wait: TestHost['wait'] = (condition) => {
      if (!pending) return host.wait(condition)
      pending = false
      host.advance(after)
      return 'interrupted'
    }
    return { ...host, wait }
  }

  test('interrupts a read of stdin, which consumes nothing and is made again', () => {
    const host = interruptible(0n)
    const { guest } = start({}, host)
    expect(() => guest.read(0, 10)).toThrow(WaitInterrupted)
    host.feedStdin('later')
    expect(guest.read(0, 10)).toBe('later')
  })

  test('interrupts a sleep, which after a restore lasts for what was left of it', () => {
    const host = interruptible(10n * ms)
    const { guest } = start({}, host)
    const sleep = [{ clock: 1, timeout: 30n * ms }]
    expect(() => poll(guest, sleep)).toThrow(WaitInterrupted)
    const state = guest.kernel.save()
    const before = host.clocks.monotonic()
    expect(poll(guest, sleep)).toEqual([clockDone(100)])
    expect(host.clocks.monotonic() - before).toBe(20n * ms)
    expect(poll(guest, sleep)).toEqual([clockDone(100)])
    expect(host.clocks.monotonic() - before, 'the next sleep is a new one').toBe(50n * ms)

    const elsewhere = createTestHost({ step: 0n, monotonic: 7n })
    const restored = resume(state, elsewhere)
    expect(poll(restored, sleep)).toEqual([clockDone(100)])
    expect(elsewhere.clocks.monotonic()).toBe(20n * ms + 7n)
  })

  test('does not shorten a different sleep', () => {
    const host = interruptible(10n * ms)
    const { guest } = start({}, host)
    expect(() => poll(guest, [{ clock: 1, timeout: 30n * ms }])).toThrow(WaitInterrupted)
    const before = host.clocks.monotonic()
    expect(poll(guest, [{ clock: 1, timeout: 40n * ms }])).toEqual([clockDone(100)])
    expect(host.clocks.monotonic() - before).toBe(40n * ms)
  })
})
