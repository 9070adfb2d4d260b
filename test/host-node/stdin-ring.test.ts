import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { feedStdin } from '../../host-node/feed-stdin.ts'
import { ControlBlock, Request } from '../../runtime/session/control-block.ts'
import { ringCapacity, StdinRing } from '../../runtime/session/stdin-ring.ts'
import { startWorker } from '../support/bundle.ts'

const readerUrl = new URL('./ring-reader.worker.ts', import.meta.url)
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const pattern = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const encode = (value: string) => new TextEncoder().encode(value)

interface Report {
  readonly outcome: string
  readonly total: number
  readonly sha256: string
}

function startReader(ring: StdinRing, control: ControlBlock, orders: { size: number; limit?: number; pause?: number }) {
  const worker = startWorker(readerUrl, { control: control.buffer, ring: ring.buffer, pause: 0, ...orders })
  const report = once(worker, 'message').then(([message]) => message as Report)
  return { worker, report }
}

describe('the stdin ring', () => {
  it('has nothing before the producer gives, and says so differently at the end', () => {
    const ring = new StdinRing()
    expect([ring.readable(), ring.read(new Uint8Array(1))]).toEqual([undefined, undefined])
    ring.end()
    expect([ring.readable(), ring.read(new Uint8Array(1))]).toEqual([0, 0])
  })

  it('gives what came before the end first', () => {
    const ring = new StdinRing()
    ring.give(encode('ab'))
    ring.end()
    const target = new Uint8Array(8)
    expect([ring.readable(), ring.read(target), ring.read(target)]).toEqual([2, 2, 0])
  })

  it('is not wanted before the guest asks', () => {
    const ring = new StdinRing()
    expect(ring.wanted).toBe(false)
    ring.readable()
    expect(ring.wanted).toBe(true)
  })

  it('takes no more than its capacity and loses nothing', () => {
    const ring = new StdinRing()
    const bytes = pattern(ringCapacity + 10)
    expect(ring.give(bytes)).toBe(ringCapacity)
    expect(ring.give(bytes)).toBe(0)
    expect(sha256(ring.unread())).toBe(sha256(bytes.subarray(0, ringCapacity)))
  })

  it('keeps the order over any sequence of giving and taking, and when its counters wrap', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('give', 'take'), fc.integer({ min: 0, max: ringCapacity + 100 })), {
      maxLength: 60,
    })
    const start = fc.constantFrom(0, 65_530, 0x7fffffff - 5000, -5000)
    fc.assert(
      fc.property(start, steps, (first, sequence) => {
        const ring = new StdinRing()
        new Int32Array(ring.buffer).fill(first, 0, 2)
        let [given, taken] = [0, 0]
        const byteAt = (index: number) => (index * 7 + (index >> 8)) & 255
        for (const [kind, length] of sequence) {
          if (kind === 'give') {
            given += ring.give(Uint8Array.from({ length }, (_, index) => byteAt(given + index)))
            expect(given - taken).toBeLessThanOrEqual(ringCapacity)
          } else {
            const target = new Uint8Array(length)
            const count = ring.read(target) ?? 0
            expect(count).toBe(Math.min(length, given - taken))
            for (let index = 0; index < count; index++)
              if (target[index] !== byteAt(taken + index)) throw new Error(`byte ${taken + index} is wrong`)
            taken += count
          }
        }
        expect(ring.unread().length).toBe(given - taken)
      }),
      { numRuns: 60 },
    )
  })

  it('refuses a buffer of another size', () => {
    expect(() => new StdinRing(new SharedArrayBuffer(100))).toThrow(/stdin ring/)
  })
})

describe('feeding stdin to a guest in a worker', () => {
  it('brings a megabyte through unchanged, in small reads', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const bytes = pattern(1_000_003)
    const chunks = Array.from({ length: 51 }, (_, index) => bytes.subarray(index * 20_000, (index + 1) * 20_000))
    const { worker, report } = startReader(ring, control, { size: 4096 })
    feedStdin(ring, control, Readable.from(chunks, { objectMode: false }))
    expect(await report).toEqual({ outcome: 'end', total: bytes.length, sha256: sha256(bytes) })
    await worker.terminate()
  })

  it('waits for room when the guest is slow, with chunks larger than the ring', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const bytes = pattern(600_000)
    const { worker, report } = startReader(ring, control, { size: 50_000, pause: 2 })
    feedStdin(
      ring,
      control,
      Readable.from([bytes.subarray(0, 300_000), bytes.subarray(300_000)], { objectMode: false }),
    )
    expect(await report).toEqual({ outcome: 'end', total: bytes.length, sha256: sha256(bytes) })
    await worker.terminate()
  })

  it('wakes a guest that waits, at each line and at the end', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const stream = new PassThrough()
    const { worker, report } = startReader(ring, control, { size: 100 })
    feedStdin(ring, control, stream)
    for (const line of ['one\n', 'two\n', 'three\n']) {
      await delay(20)
      stream.write(line)
    }
    await delay(20)
    stream.end()
    expect(await report).toMatchObject({ total: 14, sha256: sha256(encode('one\ntwo\nthree\n')) })
    await worker.terminate()
  })

  it('gives way to a checkpoint request while the guest waits', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const { worker, report } = startReader(ring, control, { size: 100 })
    const feed = feedStdin(ring, control, new PassThrough())
    while (!ring.wanted) await delay(5)
    await delay(10)
    control.request(Request.checkpoint)
    expect(await report).toMatchObject({ outcome: 'interrupted', total: 0 })
    expect(feed.hold().length).toBe(0)
    await worker.terminate()
  })

  it('opens the stream only once the guest asks', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    let openedAt: number | undefined
    const feed = feedStdin(ring, control, () => {
      openedAt = performance.now()
      return Readable.from([encode('late')], { objectMode: false })
    })
    await delay(20)
    expect(openedAt).toBeUndefined()
    const { worker, report } = startReader(ring, control, { size: 100, pause: 100 })
    expect(await report).toMatchObject({ total: 4 })
    expect(openedAt).toBeDefined()
    feed.stop()
    await worker.terminate()
  })

  it('returns what the guest has not read when it is held, and gives it when it goes on', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const bytes = pattern(200_000)
    const stream = Readable.from([bytes.subarray(0, 150_000), bytes.subarray(150_000)], { objectMode: false })
    const first = startReader(ring, control, { size: 1000, limit: 10_000 })
    const feed = feedStdin(ring, control, stream)
    expect(await first.report).toMatchObject({ total: 10_000, sha256: sha256(bytes.subarray(0, 10_000)) })
    await first.worker.terminate()
    const left = feed.hold()
    expect(left.length).toBeGreaterThan(ringCapacity)

    expect(sha256(left)).toBe(sha256(bytes.subarray(10_000, 10_000 + left.length)))
    await delay(20)
    feed.release()
    const second = startReader(ring, control, { size: 1000 })
    expect(await second.report).toMatchObject({ total: 190_000, sha256: sha256(bytes.subarray(10_000)) })
    await second.worker.terminate()
  })

  it('takes an error of the stream for its end', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const stream = new PassThrough()
    const { worker, report } = startReader(ring, control, { size: 100 })
    feedStdin(ring, control, stream)
    while (!ring.wanted) await delay(5)
    stream.write('partly')
    await delay(30)
    stream.destroy(new Error('the line is cut'))
    expect(await report).toMatchObject({ outcome: 'end', total: 6 })
    await worker.terminate()
  })

  it('can be held and released before the guest asks, at any time, and after the end', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    let opened = 0
    const stream = new PassThrough()
    const feed = feedStdin(ring, control, () => {
      opened++
      return stream
    })
    const holdAndRelease = async () => {
      feed.hold()
      feed.release()
      feed.hold()
      await delay(10)
      feed.release()
    }
    await holdAndRelease()
    const { worker, report } = startReader(ring, control, { size: 100 })
    while (opened === 0) await delay(5)
    await holdAndRelease()
    stream.write('one')
    await holdAndRelease()
    feed.hold()
    stream.end('two')
    await delay(10)
    feed.release()
    expect(await report).toMatchObject({ outcome: 'end', total: 6, sha256: sha256(encode('onetwo')) })
    expect(opened).toBe(1)
    await worker.terminate()
  })

  it('leaves the stream to others after stopping', async () => {
    const [ring, control] = [new StdinRing(), new ControlBlock()]
    const stream = new PassThrough()
    ring.readable()
    const feed = feedStdin(ring, control, stream)
    stream.write('for the guest')
    await delay(10)
    expect(text(feed.hold())).toBe('for the guest')
    stream.write('for the shell')
    await delay(10)
    expect(text(stream.read())).toBe('for the shell')
  })
})
