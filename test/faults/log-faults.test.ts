import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openLog } from '../../runtime/log/reader.ts'
import { random } from '../log/sample-log.ts'
import { damageVersion } from '../support/damage-version.ts'
import { callsBefore, sumOf, throws } from './dice.ts'
import { type Attempt, DiceStore, killedDice, type Remains } from './dice-world.ts'

// The long form, every byte: LOG_FAULTS=full npx vitest run test/faults/log-faults.test.ts
const isFull = process.env.LOG_FAULTS === 'full'
const step = isFull ? 1 : 37
const patience = { timeout: isFull ? 1_200_000 : 120_000 }

let remains: Remains
/** Names of segments and checkpoints, the oldest first. */
let segments: readonly string[]
const checkpoints = 'sessions/dice/checkpoints.ckp'
let open: DiceStore | undefined

beforeAll(async () => {
  remains = await killedDice([42, 84])
  const names = [...remains.files.keys()]
  const number = (name: string) => Number(/(\d+)[^/]*$/.exec(name)![1])
  const byNumber = (a: string, b: string) => number(a) - number(b)
  segments = names.filter((name) => name.endsWith('.log')).sort(byNumber)
  expect(segments.length).toBe(3)
})
afterEach(() => open?.remove())

type Change = (files: Map<string, Buffer>) => void

async function tried(change: Change): Promise<Attempt & { readonly given: ReadonlyMap<string, Buffer> }> {
  const given = new Map(remains.files)
  change(given)
  open?.remove()
  open = new DiceStore(given)
  return { ...(await open.restore()), given }
}

const cut =
  (name: string, length: number): Change =>
  (files) =>
    files.set(name, files.get(name)!.subarray(0, length))
const flip =
  (name: string, at: number, bit = 1): Change =>
  (files) => {
    const bytes = Buffer.from(files.get(name)!)
    bytes[at]! ^= bit
    files.set(name, bytes)
  }
const damage =
  (version: number): Change =>
  (files) =>
    files.set(checkpoints, damageVersion(files.get(checkpoints)!, version))
const all =
  (...changes: readonly Change[]): Change =>
  (files) =>
    changes.forEach((change) => {
      change(files)
    })

/** What every attempt has to be. Gives how many letters were remembered; undefined where it was refused. */
function judged({ outcome, error, shown, events, files, given }: Awaited<ReturnType<typeof tried>>, where: string) {
  // Nothing that was stored is destroyed, unless the program has come to its end and its log is not wanted.
  const kept = [...files.values()]
  for (const [name, bytes] of given) {
    if (!/\.log$/.test(name)) continue
    const now = files.get(name)
    if (now?.subarray(0, bytes.length).equals(bytes)) continue
    const isSetAside = kept.some((other) => other.equals(bytes))
    const isCutAside = now !== undefined && kept.some((other) => isSplit(bytes, now, other))
    expect(isSetAside || isCutAside, `${where}: ${name} is lost; there are ${[...files.keys()].join(', ')}`).toBe(true)
  }
  if (error !== undefined) {
    expect(error.message.length, where).toBeGreaterThan(20)
    return undefined
  }
  expect(outcome, where).toEqual({ kind: 'exited', code: 9 })
  const thrown = shown.slice(0, -8)
  const remembered = throws - thrown.length
  const letters = remains.letters.slice(0, remembered) + thrown
  expect(shown.slice(-8), where).toBe(sumOf(letters))
  const recovered = events.find((event) => event.kind === 'recovered')
  const loss = recovered?.kind === 'recovered' ? recovered.loss : undefined
  if (recovered?.kind === 'recovered') expect(Math.floor(recovered.to / 2), where).toBe(remembered)
  return { remembered, loss, to: recovered?.to, fellBack: events.some((event) => event.kind === 'fellBack') }
}

/** Whether `bytes` is what `now` begins with, up to some byte, and `other` from there on. */
const isSplit = (bytes: Buffer, now: Buffer, other: Buffer): boolean => {
  const at = bytes.length - other.length
  return at >= 0 && other.equals(bytes.subarray(at)) && now.subarray(0, at).equals(bytes.subarray(0, at))
}

/** The call with which whoever reads so much of a log goes on. */
function reached(bytes: Uint8Array): number | undefined {
  const source = openLog([bytes])
  try {
    while (source.next() !== undefined);
  } catch {}
  return source.reader.header && source.reader.resumePoint().calls
}

test('an undamaged session remembers all, and loses nothing', async () => {
  const attempt = judged(await tried(() => undefined), 'undamaged')
  expect(attempt).toMatchObject({ remembered: throws, loss: undefined, fellBack: false })
})

describe('the newest piece of log', () => {
  test('cut at any byte goes on from the last whole block', patience, async () => {
    const [name, bytes] = [segments[2]!, remains.files.get(segments[2]!)!]
    for (let length = 0; length <= bytes.length; length += length < 64 ? 1 : step) {
      const attempt = judged(await tried(cut(name, length)), `cut at ${length}`)
      const expected = reached(bytes.subarray(0, length)) ?? 83
      expect(attempt?.remembered, `cut at ${length}`).toBe(Math.floor(expected / 2))
    }
  })

  test('with a flipped bit anywhere loses what follows, and says from where', patience, async () => {
    const next = random(5)
    const [name, bytes] = [segments[2]!, remains.files.get(segments[2]!)!]
    for (let at = 0; at < bytes.length; at += at < 64 ? 1 : step) {
      const changed = await tried(flip(name, at, 1 << next(8)))
      const attempt = judged(changed, `flipped at ${at}`)
      expect(attempt?.loss?.segment, `flipped at ${at}`).toBe(name.split('/').at(-1))
      const { offset = 0 } = attempt!.loss!
      expect(offset, `flipped at ${at}`).toBeLessThanOrEqual(at)
      expect(attempt!.to, `flipped at ${at}`).toBe(reached(changed.given.get(name)!) ?? 83)
    }
  })

  test('that is missing loses what stood in it', async () => {
    const attempt = judged(await tried((files) => files.delete(segments[2]!)), 'missing')
    expect(attempt).toMatchObject({ remembered: 41 })
  })
})

test('a chunk that is missing, damaged or cut ends the log at the call that needs it', async () => {
  const chunks = [...remains.files.keys()].filter((name) => name.includes('/chunks/'))
  expect(chunks.length).toBe(3)
  const outcomes: unknown[] = []
  for (const chunk of chunks) {
    const changes: Change[] = [(files) => files.delete(chunk), flip(chunk, 20_000), cut(chunk, 39_000)]
    for (const change of changes) {
      const attempt = judged(await tried(change), chunk)
      expect(attempt?.fellBack).toBe(false)
      outcomes.push([attempt?.remembered, attempt?.loss?.call])
    }
  }
  // Two of the three belong to calls before the newest checkpoint.
  const lost = [62, callsBefore(62)]
  expect(outcomes.filter((one) => JSON.stringify(one) === JSON.stringify(lost)).length).toBe(3)
  expect(outcomes.filter((one) => JSON.stringify(one) === JSON.stringify([throws, undefined])).length).toBe(6)
})

describe('the newest checkpoint', () => {
  test('damaged costs nothing while the log is whole', async () => {
    expect(judged(await tried(damage(2)), 'damaged')).toMatchObject({ remembered: throws, fellBack: true })
  })

  test.each([checkpoints, 'sessions/dice/checkpoints.cki'])(
    '%s damaged anywhere costs nothing while the log is whole',
    patience,
    async (name) => {
      const bytes = remains.files.get(name)!
      const next = random(6)
      for (let round = 0; round < (isFull ? 400 : 40); round++) {
        const at = round < 20 ? (round * 50) % bytes.length : next(bytes.length)
        const changed = await tried(flip(name, at, 1 << next(8)))
        const attempt = judged(changed, `flipped at ${at}`)
        expect(attempt?.remembered, `flipped at ${at}`).toBe(throws)
      }
      for (const length of [0, 10, 40, 500, bytes.length - 1]) {
        const attempt = judged(await tried(cut(name, length)), `cut at ${length}`)
        expect(attempt, `cut at ${length}`).toMatchObject({ remembered: throws })
      }
    },
  )

  test('damaged without a log after the one before loses work, and says so', async () => {
    const change = (files: Map<string, Buffer>) => segments.forEach((name) => void files.delete(name))
    const attempt = judged(await tried(all(damage(2), change)), 'no log')
    expect(attempt).toMatchObject({ remembered: 20, fellBack: true })
  })

  test('damaged together with the log after the one before goes on where that log ends', patience, async () => {
    const name = segments[1]!
    const bytes = remains.files.get(name)!
    for (let at = 0; at < bytes.length; at += at < 64 ? 7 : step * 2) {
      for (const change of [cut(name, at), flip(name, at)]) {
        const changed = await tried(all(damage(2), change))
        const attempt = judged(changed, `at ${at}`)
        expect(attempt?.loss, `at ${at}`).toBeDefined()
        expect(attempt!.to, `at ${at}`).toBe(reached(changed.given.get(name)!) ?? 41)
        expect(attempt?.fellBack, `at ${at}`).toBe(true)
        // The piece after the gap is no part of the history any more.
        expect(
          [...changed.files.keys()].some((one) => one.startsWith(`${segments[2]}.lost`)),
          `at ${at}`,
        ).toBe(true)
      }
    }
  })

  test('damaged with a whole piece of log missing says what is missing', async () => {
    const change = all(damage(2), (files) => files.delete(segments[1]!))
    const attempt = judged(await tried(change), 'missing')
    expect(attempt).toMatchObject({ remembered: 20, fellBack: true })
    expect(attempt?.loss?.segment).toBe(segments[2]!.split('/').at(-1))
  })

  test('like all others damaged, it goes on from the beginning by the whole log', async () => {
    const change = all(damage(1), damage(2))
    expect(judged(await tried(change), 'beginning')).toMatchObject({ remembered: throws })
    const withGap = all(change, (files) => files.delete(segments[0]!))
    expect((await tried(withGap)).error).toMatchObject({ code: 'STASIS_IMAGE_DAMAGED' })
  })
})

test('what is left when older pieces of log were removed is enough for the newest two checkpoints', async () => {
  const kept = await killedDice([22, 42, 84], false)
  const names = [...kept.files.keys()]
  const calls = names.filter((name) => name.endsWith('.log')).map((name) => Number(/(\d+)-[^/]*$/.exec(name)![1]))
  expect(calls.sort((a, b) => a - b)).toEqual([41, 83])
  const files = new Map(kept.files)
  damage(3)(files)
  open = new DiceStore(files)
  const { outcome, shown, events } = await open.restore()
  expect(outcome).toEqual({ kind: 'exited', code: 9 })
  expect(shown).toBe(sumOf(kept.letters))
  expect(events).toContainEqual(expect.objectContaining({ kind: 'recovered', from: 41, to: callsBefore(throws) }))
})

test('after a damaged piece of log another history begins, and is the one that is remembered', async () => {
  const damaged = all(damage(2), flip(segments[1]!, 400))
  const given = new Map(remains.files)
  damaged(given)
  open = new DiceStore(given)
  const stop = { triggers: [{ kind: 'call' as const, call: 100 }], stopAfterSnapshot: true }
  const first = await open.restore(stop, 5)
  expect(first.outcome).toMatchObject({ kind: 'suspended' })
  const recovered = first.events.find((event) => event.kind === 'recovered')
  const remembered = recovered?.kind === 'recovered' ? Math.floor(recovered.to / 2) : -1
  expect(remembered).toBeGreaterThanOrEqual(20)
  const letters = remains.letters.slice(0, remembered) + first.shown
  // The checkpoint it was stopped with is lost too: the log has all, and nothing of the old history.
  const files = new Map(first.files)
  damage(3)(files)
  open.remove()
  open = new DiceStore(files)
  const second = await open.restore({}, 6)
  expect(second.outcome).toEqual({ kind: 'exited', code: 9 })
  const whole = letters + second.shown.slice(0, -8)
  expect(whole.length).toBe(throws)
  expect(second.shown.slice(-8)).toBe(sumOf(whole))
})
