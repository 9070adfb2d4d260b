import { expect, test } from 'vitest'
import type { Engine } from '../../runtime/engine/engine.ts'
import type { ImportSite } from '../../runtime/intercept/interceptor.ts'
import { ControlBlock, Request } from '../../runtime/session/control-block.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import { ReplacementCost, replaceOnStack } from '../../runtime/session/on-stack-replacement.ts'
import { CaptureDecider } from '../../runtime/session/triggers.ts'
import { listVersions } from '../../runtime/store/checkpoints.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { echo, letters, lettersOutput } from './guests.ts'
import { restore, start } from './harness.ts'

/** Counts what is resumed. */
function counting() {
  const count = { resumed: 0 }
  const wrap = (engine: Engine): Engine => ({
    kind: engine.kind,
    hasStart: engine.hasStart,
    memory: () => engine.memory(),
    exports: () => engine.exports(),
    run: (entry, args) => engine.run(entry, args),
    save: () => engine.save(),
    restore: (state) => engine.restore(state),
    resume: (stack) => {
      count.resumed++
      return engine.resume(stack)
    },
  })
  return { count, wrap }
}

test.each([2, 3, 5])('the stack is resumed in place at every %i-th look, and nobody sees it', async (osrEvery) => {
  const { count, wrap } = counting()
  const events: SessionEvent[] = []
  const store = new MemoryStore()
  const options = { module: letters, store, name: 'calc', onEvent: (event: SessionEvent) => events.push(event) }
  const { session, host } = await start(options, { osrEvery, wrap, step: 0n })
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
  // 27 calls, each decided on once more after a capture.
  expect(count.resumed).toBe(Math.floor(26 / (osrEvery - 1)))
  expect(events.map(({ kind }) => kind)).toEqual(['state', 'state'])
})

test('calls keep their numbers, and checkpoints are taken where they were to be', async () => {
  const store = new MemoryStore()
  const triggers = [{ kind: 'call', call: 5 }, { kind: 'idle' }, { kind: 'first-stdin' }] as const
  const world = { osrEvery: 2, stdin: 'hello', step: 0n }
  const { session, host } = await start({ module: echo, store, name: 'calc', triggers, keep: true }, world)
  expect(await session.done).toEqual({ kind: 'exited', code: 0 })
  expect(host.stdoutText()).toBe('hello')
  const taken = (await listVersions(store, 'calc')).map(({ content }) =>
    content.kind === 'intact' ? [content.manifest.cause, content.manifest.calls] : [],
  )
  expect(taken).toEqual([
    ['first-stdin', 0],
    ['call', 4],
  ])
  const again = await restore(store, 'calc@2', { name: 'fork' }, { osrEvery: 3, stdin: 'llo', step: 0n })
  expect(await again.session.done).toEqual({ kind: 'exited', code: 0 })
  expect(again.host.stdoutText()).toBe('llo')
})

const call: ImportSite = { index: 0, module: 'env', name: 'f', params: [], results: [] }

test('a replacement just before a call that is to be captured is no checkpoint, nor one while they are held off', () => {
  const control = new ControlBlock()
  let isHeld = false
  const hold = { isHeld: () => isHeld, look: () => {}, over: () => {} }
  const decider = new CaptureDecider(control, [{ kind: 'call', call: 1 }], 0, 0, () => true, hold)
  control.suggest(Request.osr)
  expect(decider.decide('poll')).toBe(true)
  expect(decider.reason()).toMatchObject({ cause: 'osr', requested: false })
  expect(control.pending).toBe(0)
  expect(decider.decide(call)).toBe(true)
  expect(decider.reason()).toMatchObject({ cause: 'call' })
  expect(decider.decide(call)).toBe(false)
  isHeld = true
  control.suggest(Request.osr)
  expect(decider.decide('poll')).toBe(true)
  // Asked for in the same instant.
  control.request(Request.checkpoint)
  expect(decider.reason()).toMatchObject({ cause: 'osr' })
  expect(decider.decide('poll')).toBe(false)
  isHeld = false
  expect(decider.decide('poll')).toBe(true)
  expect(decider.reason()).toMatchObject({ cause: 'request' })
})

test('what takes long is not done again soon', async () => {
  let now = 0n
  const cost = new ReplacementCost(() => now)
  expect(cost.isWorth()).toBe(true)
  now = 10n
  cost.resumed()
  for (const [time, isWorth] of [
    [11n, false],
    [309n, false],
    [310n, true],
  ] as const) {
    now = time
    expect(cost.isWorth()).toBe(isWorth)
  }
  // A restore is none.
  const other = new ReplacementCost(() => now)
  now += 50n
  other.resumed()
  expect(other.isWorth()).toBe(true)
  // Each look at the clock takes time here: a suggestion of every other call comes too early.
  const { count, wrap } = counting()
  const { session, host } = await start({ module: letters }, { osrEvery: 2, wrap })
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
  expect(count.resumed).toBe(1)
})

test('it is suggested after so much work, again after half as much as there was, and never to a guest that sleeps', () => {
  const control = new ControlBlock()
  const delays: number[] = []
  let fire = () => {}
  let running = 0
  const every = (milliseconds: number, look: () => void) => {
    delays.push(milliseconds)
    fire = look
    running++
    return () => {
      running--
    }
  }
  const end = replaceOnStack(control, 10_000_000, every)
  control.setAsleep(true)
  fire()
  expect(control.pending).toBe(0)
  control.setAsleep(false)
  for (let i = 0; i < 12; i++) fire()
  expect(control.take()).toBe(Request.osr)
  expect(delays.slice(0, 5)).toEqual([500, 500, 250, 375, 562.5])
  expect(delays.at(-1)).toBe(10_000)
  expect(running).toBe(1)
  end()
  expect(running).toBe(0)
})
