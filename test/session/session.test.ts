import { beforeEach, expect, test } from 'vitest'
import type { Engine, RunOutcome } from '../../runtime/engine/engine.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import type { TrapError } from '../../runtime/session/packed-error.ts'
import { listSessions, listVersions, loadCheckpoint, removeVersions } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import type { Store } from '../../runtime/store/store.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { broken, busy, counter, echo, forgetful, letters, lettersOutput, needsMore, withStart } from './guests.ts'
import { restore, start } from './harness.ts'

let store: Store
beforeEach(() => {
  store = new MemoryStore()
})

const causes = async () =>
  (await listVersions(store, 'calc')).map(({ content }) => (content.kind === 'intact' ? content.manifest.cause : '?'))

test('a program runs to its end, and leaves nothing behind', async () => {
  const { session, host } = await start({ module: letters, store, name: 'calc' })
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
  expect(session.state).toBe('exited')
  expect(await store.list('')).toEqual([])
  expect((await store.owners()).size).toBe(0)
})

test('a start function runs before _start, once', async () => {
  const { session, host } = await start({ module: withStart, store, name: 'calc', torture: 1 })
  expect(await session.done).toMatchObject({ kind: 'exited', code: 0, torture: { restores: 2, refused: 0 } })
  expect(host.stdoutText()).toBe('sS')
})

test.each([1, 2, 3, 7, 25, 26])('tortured at every %i-th call, a program does the same', async (every) => {
  const { session, host } = await start({ module: letters, torture: every })
  // 26 writes and the exit.
  const torture = { restores: Math.floor(27 / every), refused: 0 }
  expect(await session.done).toEqual({ kind: 'exited', code: 7, torture })
  expect(host.stdoutText()).toBe(lettersOutput)
})

test('a checkpoint before every single call restores, each in a session of its own', async () => {
  const triggers = Array.from({ length: 27 }, (_, index) => ({ kind: 'call' as const, call: index + 1 }))
  const { session } = await start({ module: letters, store, name: 'calc', triggers, keep: true })
  await session.done
  const versions = await listVersions(store, 'calc')
  expect(versions.map(({ version }) => version)).toEqual(triggers.map(({ call }) => call))
  for (const { version } of versions) {
    const again = await restore(store, `calc@${version}`, { name: `fork-${version}` })
    expect(await again.session.done).toEqual({ kind: 'exited', code: 7 })
    expect(again.host.stdoutText()).toBe(lettersOutput.slice(version - 1))
  }
})

test('call:N stops before the N-th call when a snapshot is to stop the session', async () => {
  const options = { module: letters, store, name: 'calc', stopAfterSnapshot: true }
  const { session, host } = await start({ ...options, triggers: [{ kind: 'call', call: 5 }] })
  const outcome = await session.done
  expect(outcome).toMatchObject({ kind: 'suspended', checkpoint: { version: 1, cause: 'call', calls: 4 } })
  expect(host.stdoutText()).toBe('abcd')
  expect(session.state).toBe('suspended')
  // The same trigger is behind us; a later one is not.
  const again = await restore(store, 'calc', {
    stopAfterSnapshot: true,
    triggers: [
      { kind: 'call', call: 5 },
      { kind: 'call', call: 8 },
    ],
  })
  expect(await again.session.done).toMatchObject({ kind: 'suspended', checkpoint: { version: 2, calls: 7 } })
  expect(again.host.stdoutText()).toBe('efg')
})

test('first-stdin catches a program before it reads, with nothing consumed', async () => {
  const world = { stdin: 'hello' }
  const options = { module: echo, store, name: 'calc', stopAfterSnapshot: true }
  const { session, host } = await start({ ...options, triggers: [{ kind: 'first-stdin' }] }, world)
  expect(await session.done).toMatchObject({ kind: 'suspended', checkpoint: { cause: 'first-stdin', calls: 0 } })
  expect(new TextDecoder().decode(host.unread())).toBe('hello')
  const again = await restore(store, 'calc', {}, { stdin: 'other' })
  await again.session.done
  expect(again.host.stdoutText()).toBe('other')
})

test('a restored memory has what was saved and nothing of the data segments, in pages new and old', async () => {
  const options = { module: forgetful, store, name: 'calc', triggers: [{ kind: 'call' as const, call: 1 }] }
  expect(await (await start({ ...options, stopAfterSnapshot: true })).session.done).toMatchObject({ kind: 'suspended' })
  const again = await restore(store, 'calc')
  expect(await again.session.done).toEqual({ kind: 'exited', code: 42 })
})

test('idle catches a program each time it begins to wait', async () => {
  const triggers = [{ kind: 'idle' as const }]
  const { session, host } = await start(
    { module: echo, store, name: 'calc', triggers, stopAfterSnapshot: true },
    { stdin: 'ab', stdinOpen: true },
  )
  expect(await session.done).toMatchObject({ kind: 'suspended', checkpoint: { cause: 'idle', calls: 4 } })
  expect(host.stdoutText()).toBe('ab')
  const again = await restore(store, 'calc', { triggers }, { stdin: 'cd' })
  expect(await again.session.done).toEqual({ kind: 'exited', code: 0 })
  expect(again.host.stdoutText()).toBe('cd')
  expect(await listVersions(store, 'calc')).toEqual([])
})

test('the newest version goes on as the same session, an older one as a fork', async () => {
  const triggers = [2, 3, 4].map((call) => ({ kind: 'call' as const, call }))
  const { session } = await start({ module: letters, store, name: 'calc', triggers, keep: true })
  await session.done
  const newest = await restore(store, 'calc', { keep: true })
  expect(newest.session.id).toBe(session.id)
  await newest.session.done
  const fork = await restore(store, 'calc@-1', { triggers: [{ kind: 'call', call: 9 }] })
  expect(fork.session.id).not.toBe(session.id)
  await fork.session.done
  // The fork took along what was its own.
  expect((await listVersions(store, 'calc')).map(({ version }) => version)).toEqual([1, 2, 3])
  await (await restore(store, 'calc')).session.done
  expect(await store.list('')).toEqual([])
})

test('a reactor is initialised, called, frozen between calls, and called again elsewhere', async () => {
  const { session } = await start({ module: counter, store, name: 'calc' })
  expect(await session.call('next')).toBe(11)
  expect(await Promise.all([session.call('next'), session.call('next')])).toEqual([12, 13])
  expect(await session.call('echo', 2n ** 62n)).toBe(2n ** 62n)
  await expect(session.call('absent')).rejects.toMatchObject({ code: 'STASIS_EXPORT_MISSING' })
  expect(session.exports).toContain('next')
  const { version } = await session.checkpoint({ stop: true })
  await expect(session.call('next')).rejects.toMatchObject({ code: 'STASIS_SESSION_ENDED' })
  const again = await restore(store, `calc@${version}`)
  expect(await again.session.call('next')).toBe(14)
  expect(await again.session.end()).toEqual({ kind: 'exited', code: 0 })
  expect(await store.list('')).toEqual([])
})

test('a call that was frozen comes back in the restored session', async () => {
  const options = { module: counter, store, name: 'calc', stopAfterSnapshot: true }
  const { session } = await start({ ...options, triggers: [{ kind: 'call', call: 1 }] })
  await expect(session.call('next')).rejects.toMatchObject({ code: 'STASIS_SESSION_ENDED' })
  expect(await session.done).toMatchObject({ kind: 'suspended' })
  const again = await restore(store, 'calc')
  expect(await again.session.resumedCall).toBe(11)
  expect(await again.session.call('next')).toBe(12)
})

test('checkpoints asked for at once are taken one after the other, each with its label', async () => {
  const { session } = await start({ module: counter, store, name: 'calc' })
  const labels = ['one', 'two', 'three']
  const taken = await Promise.all(labels.map((label) => session.checkpoint({ label, cause: 'interval' })))
  expect(taken.map(({ version, label, cause }) => [version, label, cause])).toEqual([
    [1, 'one', 'interval'],
    [2, 'two', 'interval'],
    [3, 'three', 'interval'],
  ])
  await session.terminate(130)
  expect(await session.done).toEqual({ kind: 'exited', code: 130 })
  // Ended from outside: what was saved stays.
  expect(await causes()).toEqual(['interval', 'interval', 'interval'])
})

test('a trap is told with the functions on the stack', async () => {
  const { session } = await start({ module: broken })
  const outcome = await session.done
  expect(outcome).toMatchObject({ kind: 'trapped', error: { code: 'STASIS_TRAP', message: 'unreachable' } })
  const { frames } = (outcome as Extract<typeof outcome, { kind: 'trapped' }>).error as TrapError
  expect(frames.map((name) => name.replace(/^.*\./, ''))).toEqual(['inner', 'outer', 'main'])
})

test('a program that traps keeps its checkpoints', async () => {
  const { session } = await start({ module: broken, store, name: 'calc', triggers: [{ kind: 'call', call: 1 }] })
  expect(await session.done).toMatchObject({ kind: 'trapped', error: { code: 'STASIS_TRAP' } })
  expect(session.state).toBe('trapped')
  expect(await causes()).toEqual(['call'])
})

test('a reactor that traps ends the session and rejects the call', async () => {
  const { session } = await start({ module: counter, store, name: 'calc' })
  await expect(session.call('fail')).rejects.toThrow(/has ended/)
  expect(await session.done).toMatchObject({ kind: 'trapped' })
  await expect(session.checkpoint()).rejects.toThrow(/has ended/)
})

test('a checkpoint that cannot be saved leaves the program running, stop or not', async () => {
  const events: SessionEvent[] = []
  const onEvent = (event: SessionEvent) => void events.push(event)
  const { session } = await start({ module: counter, store, name: 'calc', onEvent })
  const { put } = store
  store.put = async () => {
    throw new Error('the disk is full')
  }
  await expect(session.checkpoint({ stop: true })).rejects.toThrow('the disk is full')
  await expect(session.checkpoint()).rejects.toThrow('the disk is full')
  store.put = put
  expect(await session.call('next')).toBe(11)
  expect((await session.checkpoint()).version).toBe(1)
  expect(session.state).toBe('running')
  expect(events.filter(({ kind }) => kind === 'refused')).toHaveLength(2)
  await session.end()
})

test('a program that is stopped in a call goes on when the stop cannot be saved', async () => {
  const { put } = store
  store.put = async () => {
    store.put = put
    throw new Error('the disk is full')
  }
  const options = { module: letters, store, name: 'calc', stopAfterSnapshot: true }
  const { session, host } = await start({ ...options, triggers: [{ kind: 'call', call: 3 }] })
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
})

/** An engine that cannot save every second stack, and no instance while nothing runs. */
function reluctant(engine: Engine): Engine {
  let count = 0
  const refused = new StasisError('STASIS_CAPTURE_REFERENCE', 'A reference of the host is on the stack.')
  const refuse = (outcome: RunOutcome): RunOutcome =>
    outcome.kind === 'captured' && count++ % 2 === 0 ? { ...outcome, refused } : outcome
  return {
    kind: engine.kind,
    hasStart: engine.hasStart,
    memory: () => engine.memory(),
    exports: () => engine.exports(),
    run: (...args) => refuse(engine.run(...args)),
    resume: (stack) => refuse(engine.resume(stack)),
    save: () => {
      if (count === 0) throw refused
      return engine.save()
    },
    restore: (state) => engine.restore(state),
  }
}

test('a refused capture is told, and the program goes on', async () => {
  const events: SessionEvent[] = []
  const triggers = [3, 4].map((call) => ({ kind: 'call' as const, call }))
  const { session, host } = await start(
    { module: letters, store, name: 'calc', keep: true, triggers, onEvent: (event) => void events.push(event) },
    { wrap: reluctant },
  )
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
  expect(events).toContainEqual(expect.objectContaining({ kind: 'refused', cause: 'call' }))
  expect((await listVersions(store, 'calc')).length).toBe(1)
})

test('a refused request is rejected with the reason', async () => {
  const { session } = await start({ module: counter, store, name: 'calc' }, { wrap: reluctant })
  await expect(session.checkpoint({ stop: true })).rejects.toMatchObject({ code: 'STASIS_CAPTURE_REFERENCE' })
  expect(await session.call('next')).toBe(11)
  await session.end()
})

test('torture counts what was refused', async () => {
  const { session, host } = await start({ module: letters, torture: 2 }, { wrap: (engine) => reluctant(engine) })
  const outcome = await session.done
  // A fresh engine refuses its first capture, then saves its second.
  expect(outcome).toMatchObject({ code: 7, torture: { restores: 6, refused: 7, reason: expect.any(String) } })
  expect(host.stdoutText()).toBe(lettersOutput)
})

test('torture that cannot go on in a fresh instance ends the session with the reason', async () => {
  const changed = new StasisError('STASIS_FILE_CHANGED', 'The file /data/x is not as it was.')
  let count = 0
  const wrap = (engine: Engine): Engine => {
    const { restore } = engine
    engine.restore = (state) => {
      if (++count === 3) throw changed
      restore.call(engine, state)
    }
    return engine
  }
  const { session, host } = await start({ module: letters, torture: 2 }, { wrap })
  expect(await session.done).toMatchObject({
    kind: 'trapped',
    error: { code: 'STASIS_FILE_CHANGED', message: changed.message },
    torture: { restores: 2 },
  })
  expect(host.stdoutText()).toBe('abcde')
})

test('a memory mount travels with the session, and needs no grant', async () => {
  const mounts = [{ guest: '/tmp', memory: true as const }]
  const options = { module: letters, store, name: 'calc', stopAfterSnapshot: true, mounts }
  const { session } = await start({ ...options, triggers: [{ kind: 'call', call: 3 }] })
  await session.done
  expect(await (await restore(store, 'calc')).session.done).toMatchObject({ code: 7 })
})

test('what does not fit is said before the guest runs', async () => {
  await expect(start({ module: needsMore, store })).rejects.toMatchObject({ code: 'STASIS_IMPORT_UNKNOWN' })
  await expect(start({ module: new Uint8Array(8), store })).rejects.toMatchObject({ code: 'STASIS_MODULE_MALFORMED' })
  await expect(start({ module: letters, store, name: '../x' })).rejects.toMatchObject({ code: 'STASIS_SESSION_NAME' })
  await expect(start({ module: letters, store, torture: 0 })).rejects.toMatchObject({ code: 'STASIS_OPTION' })
  const twice = [1, 2].map(() => ({ guest: '/tmp', memory: true as const }))
  await expect(start({ module: letters, store, mounts: twice })).rejects.toThrow('Two mounts are granted as "/tmp"')
  const never = [{ kind: 'call' as const, call: 0 }]
  await expect(start({ module: letters, store, triggers: never })).rejects.toMatchObject({ code: 'STASIS_OPTION' })
  const wrong = { module: letters, store, tortures: 1 }
  await expect(start(wrong)).rejects.toThrow('Session.start has no option "tortures"')
  await expect(restore(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_VERSION_UNKNOWN' })
  expect((await store.owners()).size).toBe(0)
})

test('a name is for one program at a time, and for one line of versions', async () => {
  const first = await start({ module: counter, store, name: 'calc' })
  await expect(start({ module: counter, store, name: 'calc' })).rejects.toMatchObject({ code: 'STASIS_SESSION_BUSY' })
  await first.session.checkpoint({ stop: true })
  await first.session.done
  await expect(start({ module: counter, store, name: 'calc' })).rejects.toMatchObject({ code: 'STASIS_SESSION_EXISTS' })
  expect((await listSessions(store)).map(({ name, owner }) => [name, owner])).toEqual([['calc', undefined]])
})

test('a restore is refused when the module is missing, or another one', async () => {
  const { session } = await start({ module: counter, store, name: 'calc' })
  const { version } = await session.checkpoint({ stop: true })
  const { bytes } = await loadCheckpoint(store, { name: 'calc', version })
  const [module] = await store.list('modules/')
  await store.put(module!.name, [letters])
  await expect(restore(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_MODULE_DIFFERENT' })
  await store.delete(module!.name)
  await expect(restore(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_MODULE_MISSING' })
  await expect(restore(store, 'calc', { module: letters })).rejects.toThrow(/the one given has/)
  const again = await restore(store, 'calc', { module: counter })
  expect(await again.session.call('next')).toBe(11)
  await again.session.terminate()
  const other = decodeCheckpoint(bytes)
  await store.put('sessions/calc/1.ckpt', [encodeCheckpoint({ ...other, prelink: { ...other.prelink, version: 99 } })])
  await expect(restore(store, 'calc', { module: counter })).rejects.toMatchObject({ code: 'STASIS_PRELINK_VERSION' })
})

test('a damaged image is refused with its place, whichever part is damaged', async () => {
  const { session } = await start({ module: counter, store, name: 'calc' })
  await session.checkpoint({ stop: true })
  const { bytes } = await loadCheckpoint(store, { name: 'calc', version: 0 })
  for (const at of [40, bytes.length - 9]) {
    const copy = bytes.slice()
    copy[at]! ^= 1
    await store.put('sessions/calc/1.ckpt', [copy])
    await expect(restore(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_IMAGE_DAMAGED' })
  }
  await removeVersions(store, 'calc')
})

test('a session without a store keeps its checkpoints to itself', async () => {
  const { session } = await start({ module: busy, stopAfterSnapshot: true, triggers: [{ kind: 'call', call: 1000 }] })
  expect(session.name).toMatch(/^session-[0-9a-f]{8}$/)
  expect(await session.done).toMatchObject({ kind: 'suspended', checkpoint: { calls: 999 } })
})
