import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { makeRoom, Room } from '../../host-node/room.ts'
import { ControlBlock, Request } from '../../runtime/session/control-block.ts'
import { CaptureDecider } from '../../runtime/session/triggers.ts'
import { counter, letters, lettersOutput } from './guests.ts'
import { start } from './harness.ts'

/** Each of the calls waits for room, until there is some. */
function world(makeRoom: (size: number) => Promise<void>) {
  let available = 0
  const taken: number[] = []
  return {
    taken,
    makeRoom: async (size: number) => {
      await makeRoom(size)
      available = size
    },
    room: {
      hasRoom: (size: number) => size <= available,
      allocate: (size: number) => {
        taken.push(size)
        return new Uint8Array(size)
      },
    },
  }
}

test('a request waits for room while the program goes on, and then finds enough', async () => {
  const sizes: number[] = []
  const given = world(async (size) => void sizes.push(size))
  const { session } = await start({ module: counter, keep: true }, given)
  const calls = [session.call('next'), session.call('next')]
  const [first, second] = await Promise.all([session.checkpoint({ label: 'a' }), session.checkpoint({ label: 'b' })])
  expect(await Promise.all(calls)).toEqual([11, 12])
  // Asked for within the first call, and met after both.
  expect([first, second]).toMatchObject([
    { calls: 2, label: 'a', version: 1 },
    { calls: 2, label: 'b', version: 2 },
  ])
  expect(sizes.length).toBe(1)
  expect(sizes[0]).toBeGreaterThanOrEqual(given.taken[0]!)
  await session.end()
})

test('a request is met without room where none can be made, and a stop does not wait for it', async () => {
  const given = world(() => Promise.reject(new RangeError('no memory')))
  const { session } = await start({ module: counter, keep: true }, given)
  const call = session.call('next')
  expect(await session.checkpoint()).toMatchObject({ version: 1, calls: 1 })
  expect(await call).toBe(11)
  const last = session.call('next')
  expect(await session.checkpoint({ stop: true })).toMatchObject({ version: 2, calls: 1 })
  await expect(last).rejects.toMatchObject({ code: 'STASIS_SESSION_ENDED' })
})

test('a program goes on where there is no memory for its state', async () => {
  const allocate = () => {
    throw new RangeError('Array buffer allocation failed')
  }
  const events: string[] = []
  const { session, host } = await start(
    {
      module: letters,
      triggers: [{ kind: 'call', call: 3 }],
      onEvent: (event) =>
        void (event.kind === 'refused' && events.push((event.error as Error & { code: string }).code)),
    },
    { room: { allocate } },
  )
  expect(await session.done).toEqual({ kind: 'exited', code: 7 })
  expect(host.stdoutText()).toBe(lettersOutput)
  expect(events).toEqual(['STASIS_CAPTURE_MEMORY'])
})

test('the guest’s thread takes memory that fits, the newest that came, and new memory else', async () => {
  const { port1, port2 } = new MessageChannel()
  const room = new Room(port2)
  expect(room.has(10)).toBe(false)
  const send = async (size: number) => {
    const buffer = await makeRoom(size)
    port1.postMessage(buffer, [buffer])
  }
  await send(5_000_000)
  expect([room.has(1000), room.take(1000).length]).toEqual([false, 1000])
  await send(9_000_000)
  await send(5_000_000)
  expect([room.has(5_000_000), room.has(5_000_001)]).toEqual([true, true])
  expect(room.take(5_000_001).length).toBe(9_000_000)
  expect(room.take(4_000_000).length).toBe(5_000_000)
  expect(room.take(100).length).toBe(100)
  port1.close()
})

test('a request that comes anew while room is asked for is not lost', () => {
  const control = new ControlBlock()
  const site = { index: 0, module: 'm', name: 'f', params: [], results: [] }
  const decider = new CaptureDecider(control, [], 0, 0, () => {
    control.request(Request.checkpoint | Request.atOnce)
    return false
  })
  control.request(Request.checkpoint)
  expect([decider.decide(site), decider.decide(site)]).toEqual([false, true])
  expect(decider.reason()).toMatchObject({ requested: true, stop: false })
  expect(decider.calls).toBe(1)
})
