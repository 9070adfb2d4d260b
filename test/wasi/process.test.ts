import { describe, expect, test } from 'vitest'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { createTestHost } from '../support/test-host.ts'
import { at, start } from './guest.ts'

const decoder = new TextDecoder()

describe('arguments and environment', () => {
  test('come as zero-terminated strings behind an array of pointers', () => {
    const { guest } = start({ args: ['prog', 'größer', ''] })
    expect(guest.call('args_sizes_get', 0, 4)).toBe('ESUCCESS')
    expect([guest.u32(0), guest.u32(4)]).toEqual([3, 5 + 9 + 1])
    expect(guest.call('args_get', 16, 64)).toBe('ESUCCESS')
    expect([guest.u32(16), guest.u32(20), guest.u32(24)]).toEqual([64, 69, 78])
    expect(decoder.decode(guest.bytes.slice(64, 79))).toBe('prog\0größer\0\0')
  })

  test('may be empty', () => {
    const { guest } = start({ args: [], env: [] })
    guest.bytes.fill(255, 0, 16)
    expect(guest.call('environ_sizes_get', 0, 4)).toBe('ESUCCESS')
    expect([guest.u32(0), guest.u32(4)]).toEqual([0, 0])
    expect(guest.call('environ_get', 16, 64)).toBe('ESUCCESS')
  })

  test('join names and values of the environment with "="', () => {
    const { guest } = start({
      env: [
        ['A', '1'],
        ['PATH', '/bin=x'],
      ],
    })
    guest.call('environ_sizes_get', 0, 4)
    expect([guest.u32(0), guest.u32(4)]).toEqual([2, 4 + 12])
    guest.call('environ_get', 16, 64)
    expect(decoder.decode(guest.bytes.slice(64, 80))).toBe('A=1\0PATH=/bin=x\0')
  })
})

describe('the process', () => {
  test('ends by an ExitSignal with the code, which the kernel then knows', () => {
    const { guest } = start()
    expect(guest.kernel.exitCode).toBeUndefined()
    let thrown: unknown
    try {
      guest.call('proc_exit', 42)
    } catch (signal) {
      thrown = signal
    }
    expect(thrown).toBeInstanceOf(ExitSignal)
    expect((thrown as ExitSignal).code).toBe(42)
    expect(guest.kernel.exitCode).toBe(42)
  })

  test('keeps an exit code of 32 bits unsigned', () => {
    const { guest } = start()
    expect(() => guest.call('proc_exit', -1)).toThrow()
    expect(guest.kernel.exitCode).toBe(0xffff_ffff)
  })

  test('may yield, ignore harmless signals, and is told that it cannot be killed', () => {
    const { guest } = start()
    expect(guest.call('sched_yield')).toBe('ESUCCESS')
    expect(guest.call('proc_raise', 16)).toBe('ESUCCESS')
    expect(guest.call('proc_raise', 6)).toBe('ENOTSUP')
    expect(guest.call('proc_raise', 31)).toBe('EINVAL')
  })

  test('gets random bytes from the host alone', () => {
    const [one, other, same] = [1, 2, 1].map((seed) => {
      const { guest } = start({}, createTestHost({ seed }))
      expect(guest.call('random_get', at.bytes, 1000)).toBe('ESUCCESS')
      return guest.bytes.slice(at.bytes, at.bytes + 1000)
    })
    expect(one).not.toEqual(other)
    expect(one).toEqual(same)
  })

  test('is told that it has no sockets', () => {
    const { guest } = start()
    expect(guest.call('sock_shutdown', 1, 3)).toBe('ENOTSOCK')
    expect(guest.call('sock_recv', 3, ...guest.vectors(8), 0, 0, 4)).toBe('ENOTSOCK')
    expect(guest.call('sock_send', 9, ...guest.vectors(8), 0, 0)).toBe('EBADF')
    expect(guest.call('sock_accept', 9, 0, 0)).toBe('EBADF')
  })
})

describe('clocks', () => {
  test('tell the host time, and refuse numbers that name no clock', () => {
    const host = createTestHost({ realtime: 1_000n, monotonic: 5n, step: 1n })
    const { guest } = start({ mounts: [] }, host)
    const time = (id: number) => {
      expect(guest.call('clock_time_get', id, 0n, 0)).toBe('ESUCCESS')
      return guest.u64(0)
    }
    const first = time(0)
    expect(first).toBeGreaterThan(1_000n)
    expect([time(1), time(2), time(3)]).toEqual([first - 994n, first - 993n, first - 992n])
    expect(guest.call('clock_time_get', 4, 0n, 0)).toBe('EINVAL')
    expect(guest.call('clock_res_get', 1, 0)).toBe('ESUCCESS')
    expect(guest.u64(0)).toBe(1n)
    expect(guest.call('clock_res_get', 4, 0)).toBe('EINVAL')
  })
})
