// What the functions of the module `stasis` leave in the kernel's state.
import { decode, encode } from 'cborg'
import { expect, test } from 'vitest'
import { guestRows } from '../../wasm-shim/guest-abi/abi.ts'
import { guestCalls } from '../../wasm-shim/guest-abi/calls.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { decodeState } from '../../wasm-shim/wasi/saved-state.ts'
import { createTestHost } from '../support/test-host.ts'

const memory = new WebAssembly.Memory({ initial: 1 })
const text = (at: number, value: string): readonly [number, number] => {
  const bytes = new TextEncoder().encode(value)
  new Uint8Array(memory.buffer).set(bytes, at)
  return [at, bytes.length]
}

function attached(kernel: Kernel) {
  kernel.attach(() => memory)
  return {
    kernel,
    call: (name: string, ...args: number[]) => kernel.link('stasis', name)?.(...args),
  }
}

const fresh = (carried: readonly { name: string; bytes: Uint8Array }[] = []) =>
  attached(Kernel.create({ args: [], env: [], mounts: [], carried }, createTestHost({ step: 0n })))
const memoryFileSystem = () => MemoryFileSystem.create(() => 0n)
const restored = (state: Uint8Array) =>
  attached(Kernel.restore(state, { mounts: [], memoryFileSystem }, createTestHost({ step: 0n })))

test('a program that has used none of it has nothing of it in its state', () => {
  const { kernel, call } = fresh()
  expect(call('present')).toBe(1)
  expect(Object.keys(decode(kernel.save()))).not.toContain('guest')
})

test('everything is in the state, and there again in a restored one', () => {
  const { kernel, call } = fresh([{ name: 'later', bytes: Uint8Array.of(1, 2) }])
  expect(call('disable')).toBe(0)
  expect(call('label', ...text(100, 'a label'))).toBe(0)
  expect(call('region', ...text(200, 'state'), 1024, 16, 8, 12)).toBe(0)
  const state = kernel.save()
  const again = restored(state)
  expect(again.kernel.save()).toEqual(state)
  expect(again.kernel.isHeld).toBe(true)
  expect(again.kernel.label).toEqual({ text: 'a label', serial: 1 })
  expect(decodeState(state).guest).toEqual({
    held: 1,
    label: 'a label',
    labels: 1,
    regions: [{ name: 'state', address: 1024, length: 16 }],
    carried: [{ name: 'later', bytes: Uint8Array.of(1, 2) }],
  })
  expect(again.call('region', ...text(200, 'later'), 2048, 2, 8, 12)).toBe(0)
  expect([...new Uint8Array(memory.buffer, 2048, 2)]).toEqual([1, 2])
  expect(decodeState(again.kernel.save()).guest?.carried).toEqual([])
})

test('nothing is done outside of memory, or for names that are none', () => {
  const { kernel, call } = fresh([{ name: 'state', bytes: new Uint8Array(16) }])
  const state = kernel.save()
  const name = text(200, 'state')
  const [EFAULT, EINVAL, ENOENT, ENOTSUP] = [21, 28, 44, 58]
  expect(call('region', ...name, 65_530, 16, 8, 12)).toBe(EFAULT)
  expect(call('region', ...name, 1024, 16, 65_534, 12)).toBe(EFAULT)
  expect(call('region', 65_534, 5, 1024, 16, 8, 12)).toBe(EFAULT)
  expect(call('region', 200, 0, 1024, 16, 8, 12)).toBe(EINVAL)
  expect(call('region', ...text(300, 'x'.repeat(256)), 1024, 16, 8, 12)).toBe(EINVAL)
  expect(call('region_saved', ...name, 1024, 15, 8)).toBe(EINVAL)
  expect(call('region_saved', ...text(300, 'other'), 1024, 16, 8)).toBe(ENOENT)
  expect(call('region_forget', ...name, 1024)).toBe(ENOENT)
  expect(call('enable')).toBe(EINVAL)
  expect(call('checkpoint')).toBe(-ENOTSUP)
  expect(call('nothing')).toBeUndefined()
  expect(kernel.save()).toEqual(state)
})

test.each([
  ['held', -1],
  ['labels', 1.5],
  ['label', 7],
  ['regions', [{ name: 'a', address: 0 }]],
  ['regions', [{ name: 'a', address: 2 ** 32, length: 1 }]],
  ['carried', [{ name: 'a', bytes: 'text' }]],
  ['more', 1],
])('a state whose %s is %j is refused', (field, value) => {
  const { kernel, call } = fresh()
  call('disable')
  const state = decode(kernel.save())
  const damaged = encode({ ...state, guest: { ...state.guest, [field]: value } })
  expect(() => decodeState(damaged)).toThrow(expect.objectContaining({ code: 'STASIS_KERNEL_STATE_DAMAGED' }))
})

test('every row has its call, and every call its row', () => {
  expect(Object.keys(guestCalls).sort()).toEqual([...guestRows.keys()].sort())
})
