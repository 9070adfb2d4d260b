import { expect, test } from 'vitest'
import { ControlBlock, Request } from '../../runtime/session/control-block.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import { CaptureDecider } from '../../runtime/session/triggers.ts'
import { counter, letters, lettersOutput } from './guests.ts'
import { start } from './harness.ts'

/** More than any thread has: every capture is refused before the stack is touched. */
const stackReserve = 2 ** 30

test('a trigger refused for want of stack is told once, and the program goes on', async () => {
  const events: SessionEvent[] = []
  const triggers = [3, 3, 5].map((call) => ({ kind: 'call' as const, call }))
  const { session, host } = await start(
    { module: letters, stopAfterSnapshot: true, triggers, onEvent: (event) => void events.push(event) },
    { stackReserve },
  )
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
  const refusals = events.flatMap((event) => (event.kind === 'refused' ? [event] : []))
  const refusal = expect.objectContaining({
    cause: 'call',
    error: expect.objectContaining({ code: 'STASIS_CAPTURE_DEPTH' }),
  })
  expect(refusals).toEqual([refusal, refusal, refusal])
})

test('a request refused for want of stack is rejected, and the next one stands by itself', async () => {
  const { session } = await start({ module: counter, keep: true }, { stackReserve })
  const call = session.call('next')
  const [first, second] = await Promise.allSettled([session.checkpoint({ stop: true }), session.checkpoint()])
  expect(first).toMatchObject({ status: 'rejected', reason: { code: 'STASIS_CAPTURE_DEPTH' } })
  expect(second).toMatchObject({ status: 'fulfilled', value: { calls: 1 } })
  expect(await call).toBe(11)
  await session.end()
})

test('calls are counted through refusals', async () => {
  const decider = new CaptureDecider(new ControlBlock(), [{ kind: 'call', call: 2 }], 0, 0)
  const { decide } = decider
  const site = { index: 0, module: 'm', name: 'f', params: [], results: [] }
  expect([decide(site), decide('poll'), decide(site)]).toEqual([false, false, true])
  expect(decider.refusal()).toMatchObject({ cause: 'call' })
  expect(decider.calls).toBe(2)
  decider.giveWay('idle')
  expect(decider.refusal()).toMatchObject({ cause: 'idle' })
  expect([decider.calls, decide(site), decider.calls]).toEqual([2, false, 3])
})

test('a call trigger outlives the refusal of a request at the same call', async () => {
  const control = new ControlBlock()
  const { decide, refusal, reason } = bound(new CaptureDecider(control, [{ kind: 'call', call: 1 }], 0, 0))
  const site = { index: 0, module: 'm', name: 'f', params: [], results: [] }
  control.request(Request.checkpoint)
  expect([decide('poll'), refusal().cause]).toEqual([true, 'request'])
  control.request(Request.checkpoint)
  expect([decide(site), refusal().cause]).toEqual([true, 'request'])
  expect([decide(site), reason().cause, decide(site), decide(site)]).toEqual([true, 'call', false, false])
})

function bound(decider: CaptureDecider) {
  return { decide: decider.decide, refusal: () => decider.refusal(), reason: () => decider.reason() }
}

test('torture counts what is refused for want of stack', async () => {
  const { session } = await start({ module: letters, torture: 2 }, { stackReserve })
  expect(await session.done).toMatchObject({ code: 7, torture: { restores: 0, refused: 13 } })
})
