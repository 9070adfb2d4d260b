// The functions of the module `stasis`, in a session.
import { expect, test } from 'vitest'
import { Session } from '../../host-node/sessions.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { regionsOf } from '../../runtime/image/regions.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import type { CheckpointInfo } from '../../runtime/session/outcome.ts'
import { parseAddress } from '../../runtime/store/address.ts'
import { listVersions, loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { stasisGuest } from './guests.ts'
import { restore, start } from './harness.ts'

const manifests = async (store: Store, name = 'calc') =>
  (await listVersions(store, name)).flatMap(({ content }) => (content.kind === 'intact' ? [content.manifest] : []))

const twice = stasisGuest(`
  (call $put (i32.add (i32.const 48) (call $present)))
  (call $put (i32.add (i32.const 48) (call $checkpoint)))
  (call $put (i32.const 97))
  (call $put (i32.add (i32.const 48) (call $checkpoint)))
  (call $put (i32.const 98))`)

test('a program takes a checkpoint of itself, and can tell when it goes on from it', async () => {
  const store = new MemoryStore()
  const { session, host } = await start({ module: twice, store, name: 'calc', keep: true })
  await session.done
  expect(host.stdoutText()).toBe('11a1b')
  expect((await manifests(store)).map(({ cause, calls }) => [cause, calls])).toEqual([
    ['guest', 2],
    ['guest', 5],
  ])
  const first = await restore(store, 'calc@1', { name: 'one', keep: true })
  await first.session.done
  expect(first.host.stdoutText()).toBe('2a1b')
  const second = await restore(store, 'calc@2', { name: 'two' })
  await second.session.done
  expect(second.host.stdoutText()).toBe('2b')
  // The checkpoint that the restored program has taken is one like any other.
  const again = await restore(store, 'one@1', { name: 'three' })
  await again.session.done
  expect(again.host.stdoutText()).toBe('2b')
})

test.each([1, 2, 3])('tortured at every %i-th call it sees what it sees otherwise', async (torture) => {
  const store = new MemoryStore()
  const { session, host } = await start({ module: twice, store, name: 'calc', keep: true, torture })
  expect(await session.done).toMatchObject({ kind: 'exited', code: 0, torture: { refused: 0 } })
  expect(host.stdoutText()).toBe('11a1b')
  expect((await manifests(store)).map(({ cause, calls }) => [cause, calls])).toEqual([
    ['guest', 2],
    ['guest', 5],
  ])
})

test('a checkpoint that was requested at that very call is as good', async () => {
  const store = new MemoryStore()
  const triggers = [{ kind: 'call' as const, call: 3 }]
  const options = { module: twice, store, name: 'calc', triggers, stopAfterSnapshot: true }
  const { session } = await start(options)
  expect(await session.done).toMatchObject({ kind: 'suspended', checkpoint: { cause: 'call', calls: 2 } })
  const again = await restore(store, 'calc', {})
  await again.session.done
  expect(again.host.stdoutText()).toBe('2a1b')
})

test('a refused checkpoint is an errno to the program, and an event with the reason', async () => {
  const events: SessionEvent[] = []
  // The result is 0 where the call returned EAGAIN (-6).
  const module = stasisGuest('(call $put (i32.add (i32.const 54) (call $checkpoint)))')
  const onEvent = (event: SessionEvent) => events.push(event)
  const { session, host } = await start({ module, onEvent }, { stackReserve: 1 << 30 })
  await session.done
  expect(host.stdoutText()).toBe('0')
  expect(events.filter(({ kind }) => kind === 'refused')).toMatchObject([
    { cause: 'guest', error: { code: 'STASIS_CAPTURE_DEPTH' } },
  ])
})

test('a program that its checkpoint was to stop goes on when that cannot be saved, and knows', async () => {
  class Full extends MemoryStore {
    override async append(): Promise<void> {
      throw new Error('the disk is full')
    }
  }
  // EIO is 29.
  const module = stasisGuest('(call $put (i32.add (i32.const 77) (call $checkpoint)))')
  const { session, host } = await start({ module, store: new Full(), stopAfterSnapshot: true })
  expect(await session.done).toMatchObject({ kind: 'exited' })
  expect(host.stdoutText()).toBe('0')
})

test('no checkpoint is taken between disable and enable, nested ones included', async () => {
  const store = new MemoryStore()
  const module = stasisGuest(`
    (call $put (i32.const 97))
    (drop (call $disable)) (call $put (i32.const 98))
    (drop (call $disable)) (call $put (i32.const 99))
    (drop (call $enable)) (call $put (i32.const 100))
    (drop (call $enable)) (call $put (i32.const 101))
    ;; EINVAL
    (call $put (i32.add (i32.const 48) (i32.shr_u (call $enable) (i32.const 2))))`)
  const triggers = Array.from({ length: 10 }, (_, index) => ({ kind: 'call' as const, call: index + 1 }))
  const { session, host } = await start({ module, store, name: 'calc', triggers, keep: true })
  await session.done
  expect(host.stdoutText()).toBe('abcde7')
  const calls = (await manifests(store)).map((manifest) => manifest.calls)
  // The first disable is call 1, the last enable call 7; triggers of calls between come behind it.
  expect(calls.slice(0, 2)).toEqual([0, 1])
  expect(calls.slice(2).every((number) => number >= 8)).toBe(true)
  expect(calls.length).toBe(10)
  const tortured = await start({ module, torture: 1 })
  expect(await tortured.session.done).toMatchObject({ torture: { refused: 0 } })
  expect(tortured.host.stdoutText()).toBe('abcde7')
})

/** In a worker: asks for a checkpoint when the program has written its first byte. */
async function stopWhenWritten(module: Uint8Array, store = new MemoryStore()) {
  const events: SessionEvent[] = []
  let output = ''
  let stopped: Promise<CheckpointInfo> | undefined
  const session = await Session.start({
    module,
    store,
    name: 'calc',
    onEvent: (event) => events.push(event),
    stdout: (bytes) => {
      output += new TextDecoder().decode(bytes)
      stopped ??= session.checkpoint({ stop: true })
    },
    stdin: new Uint8Array(0),
  })
  await session.done
  const { calls } = await stopped!
  return { calls, output, told: events.filter(({ kind }) => kind === 'heldOff').length }
}

test('a request waits for the end of a critical section, and whoever made it is told when that takes long', async () => {
  const module = stasisGuest(`
    (local $left i32)
    (drop (call $disable))
    (call $put (i32.const 120))
    (local.set $left (i32.const 1000000))
    (loop $more
      (drop (call $random_get (i32.const 128) (i32.const 4)))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (drop (call $enable))
    (call $put (i32.const 97))`)
  expect(await stopWhenWritten(module)).toEqual({ calls: 1_000_003, output: 'x', told: 1 })
})

test('a program that was restored in the midst of computing takes its own checkpoint as any other', async () => {
  const store = new MemoryStore()
  const module = stasisGuest(`
    (local $outer i32) (local $inner i32)
    (call $put (i32.const 120))
    (local.set $outer (i32.const 1000000))
    (loop $more
      (local.set $inner (i32.const 1000))
      (loop $step (br_if $step (local.tee $inner (i32.sub (local.get $inner) (i32.const 1)))))
      (br_if $more (local.tee $outer (i32.sub (local.get $outer) (i32.const 1)))))
    (call $put (i32.add (i32.const 48) (call $checkpoint)))`)
  expect(await stopWhenWritten(module, store)).toEqual({ calls: 1, output: 'x', told: 0 })
  const again = await restore(store, 'calc', { keep: true })
  await again.session.done
  expect(again.host.stdoutText()).toBe('1')
  expect((await manifests(store)).map(({ cause, calls }) => [cause, calls])).toEqual([
    ['request', 1],
    ['guest', 1],
  ])
})

test('a wait in a critical section is not ended by a request', async () => {
  const module = stasisGuest(`
    (drop (call $disable))
    (call $put (i32.const 120))
    ;; 1.3 seconds of the monotonic clock.
    (i32.store (i32.const 1032) (i32.const 0)) (i32.store (i32.const 1040) (i32.const 1))
    (i64.store (i32.const 1048) (i64.const 1300000000))
    (drop (call $poll_oneoff (i32.const 1024) (i32.const 1200) (i32.const 1) (i32.const 1400)))
    (call $put (i32.add (i32.const 48) (i32.load (i32.const 1400))))
    (drop (call $enable))
    (call $put (i32.const 97))`)
  expect(await stopWhenWritten(module)).toEqual({ calls: 5, output: 'x1', told: 1 })
})

test('how deep a program is in critical sections travels with a checkpoint of its own', async () => {
  const store = new MemoryStore()
  const module = stasisGuest(`
    (drop (call $disable))
    (call $put (i32.add (i32.const 48) (call $checkpoint)))
    (call $put (i32.add (i32.const 48) (call $enable)))
    (call $put (i32.const 97))`)
  const triggers = [{ kind: 'call' as const, call: 4 }]
  await (await start({ module, store, name: 'calc', keep: true })).session.done
  const again = await restore(store, 'calc@1', { name: 'again', keep: true, triggers })
  await again.session.done
  expect(again.host.stdoutText()).toBe('20a')
  expect((await manifests(store, 'again')).map(({ calls }) => calls)).toEqual([4])
})

test('a label is that of the next checkpoint, and of no other', async () => {
  const store = new MemoryStore()
  const module = stasisGuest(`
    (drop (call $checkpoint))
    (call $put (i32.add (i32.const 48) (call $label (i32.const 2048) (i32.const 7))))
    (drop (call $checkpoint))
    (drop (call $checkpoint))
    ;; EILSEQ (25), ENAMETOOLONG (37), EFAULT (21)
    (call $put (i32.add (i32.const 48) (call $label (i32.const 2055) (i32.const 1))))
    (call $put (i32.add (i32.const 48) (call $label (i32.const 0) (i32.const 4097))))
    (call $put (i32.add (i32.const 48) (call $label (i32.const -1) (i32.const 4))))`)
  const { session, host } = await start({ module, store, name: 'calc', keep: true })
  await session.done
  expect(host.stdoutText()).toBe(`0${String.fromCharCode(48 + 25, 48 + 37, 48 + 21)}`)
  expect((await manifests(store)).map(({ label }) => label)).toEqual([undefined, 'step é', undefined])
  const again = await restore(store, 'calc@2', { name: 'again', keep: true })
  await again.session.done
  expect((await manifests(store, 'again')).map(({ label }) => label)).toEqual([undefined])
})

const register = (address: number, length: number) =>
  `(call $region (i32.const 2048) (i32.const 5) (i32.const ${address}) (i32.const ${length}) (i32.const 1400) (i32.const 1404))`

const registering = stasisGuest(`
  (drop ${register(4096, 100)})
  (i32.store8 (i32.const 4097) (i32.const 65))
  (drop (call $checkpoint))
  (drop (call $region_forget (i32.const 2048) (i32.const 5) (i32.const 4096)))
  (drop (call $checkpoint))`)

const regionsIn = async (store: Store, address: string) =>
  regionsOf(decodeCheckpoint((await loadCheckpoint(store, parseAddress(address))).bytes))

test('the regions that a program registers are in its checkpoints, until it forgets them', async () => {
  const store = new MemoryStore()
  await (await start({ module: registering, store, name: 'calc', keep: true, torture: 1 })).session.done
  const [region, ...others] = await regionsIn(store, 'calc@1')
  expect(region).toMatchObject({ name: 'step ', address: 4096, length: 100 })
  expect([region!.bytes.length, region!.bytes[1], others]).toEqual([100, 65, []])
  expect(await regionsIn(store, 'calc@2')).toEqual([])
})

/** Writes what it was told of the region, and its second byte. */
const taking = (length: number) =>
  stasisGuest(`
  (call $put (i32.add (i32.const 48) ${register(8192, length)}))
  (call $put (i32.load (i32.const 1400)))
  (call $put (i32.load (i32.const 1404)))
  (call $put (i32.load8_u (i32.const 8193)))
  ;; Another region of that name gets nothing any more.
  (drop ${register(8192, length)})
  (call $put (i32.add (i32.const 50) (i32.load (i32.const 1404))))`)

test('a new program takes the regions of an old one over, by name and length', async () => {
  const store = new MemoryStore()
  await (await start({ module: registering, store, name: 'calc', keep: true })).session.done
  for (const torture of [1, 2, 1000]) {
    const taken = await start({ module: taking(100), store, regionsFrom: 'calc@1', torture })
    await taken.session.done
    expect(taken.host.stdoutText()).toBe('0ddA1')
    const other = await start({ module: taking(50), store, regionsFrom: 'calc@1', torture })
    await other.session.done
    expect(other.host.stdoutBytes()).toEqual(Uint8Array.of(48, 0, 100, 0, 50 + 100))
  }
  const events: SessionEvent[] = []
  const onEvent = (event: SessionEvent) => void events.push(event)
  const left = () => events.splice(0).filter(({ kind }) => kind === 'regionsLeft')
  await (await start({ module: taking(100), store, regionsFrom: 'calc@1', onEvent })).session.done
  expect(left()).toEqual([])
  await (await start({ module: taking(50), store, regionsFrom: 'calc@1', onEvent })).session.done
  expect(left()).toEqual([{ kind: 'regionsLeft', regions: [{ name: 'step ', length: 100 }] }])
  const migrateRegion = (name: string, bytes: Uint8Array) => (name === 'step ' ? bytes.slice(1, 51) : undefined)
  const migrated = await start({ module: taking(50), store, regionsFrom: 'calc@1', migrateRegion })
  await migrated.session.done
  expect(migrated.host.stdoutBytes()).toEqual(Uint8Array.of(48, 50, 50, 0, 49))
  await expect(start({ module: taking(100), store, regionsFrom: 'calc@2' })).rejects.toMatchObject({
    code: 'STASIS_REGIONS_NONE',
  })
})
