/** A session that runs moves to a side that stands by, over a connection that breaks at any byte of the conversation. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { prepareStandby, Session } from '../../host-node/sessions.ts'
import { LentLock } from '../../host-node/transfer/lent-lock.ts'
import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import { Channel } from '../../runtime/transfer/channel.ts'
import { confirmMoved, leaseToSend } from '../../runtime/transfer/give.ts'
import type { Kind } from '../../runtime/transfer/protocol.ts'
import { type LiveSession, sendSession } from '../../runtime/transfer/send-session.ts'
import { activate, checkPlace, type TakeOptions, takeSession } from '../../runtime/transfer/take.ts'
import { imports, wat } from '../session/guests.ts'
import { seeded } from '../support/seeded.ts'
import { duplexPair, type PairOptions } from '../transfer/pair.ts'

const isLong = process.env.LOG_FAULTS === 'full'
const seeds = isLong ? 200 : 30
const lines = 600

/** Writes the letters over and over, one a millisecond, and exits with 7. */
const ticking = wat(`(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  ${imports}
  (func (export "_start") (local $n i32)
    (i64.store (i32.const 1048) (i64.const 1000000))
    (i32.store (i32.const 1040) (i32.const 1))
    (loop $next
      (call $put (i32.add (i32.const 97) (i32.rem_u (local.get $n) (i32.const 26))))
      (drop (call $poll (i32.const 1024) (i32.const 1152) (i32.const 1) (i32.const 1200)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (i32.const ${lines}))))
    (call $proc_exit (i32.const 7))))`)
const wanted = Array.from({ length: lines }, (_, n) => String.fromCharCode(97 + (n % 26))).join('')

const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

/** One side: a store, and what its sessions have written. */
class Side {
  readonly store: FileStore
  session: Session | undefined
  out = ''
  stoodBy = false
  wentOn = false

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'st-'))
    opened.push(() => rmSync(directory, { recursive: true, force: true }))
    this.store = new FileStore(directory)
  }

  get options() {
    const stdout = (bytes: Uint8Array) => {
      this.out += Buffer.from(bytes).toString('latin1')
    }
    return { stdin: 'empty', stdout, stderr: () => {} } as const
  }

  async begin(): Promise<void> {
    const { store, options } = this
    const what = { module: ticking, moduleName: 'ticking.wasm', args: ['ticking'], name: 'calc', store }
    this.session = await Session.start({ ...what, ...options })
  }

  async restore(): Promise<void> {
    this.session = await Session.restore(this.store, 'calc', this.options)
  }

  /** As host-node's command line and server stop it. */
  live(): LiveSession {
    const session = this.session!
    return {
      checkpoint: async () => void (await session.checkpoint({ cause: 'keyframe' })),
      stop: async () => void (await session.checkpoint({ stop: true })),
      stopByLog: async () => {
        const timer = setTimeout(() => session.hurry(), 250)
        await session.stopByLog().finally(() => clearTimeout(timer))
      },
    }
  }

  async send(channel: Channel): Promise<void> {
    const lease = await leaseToSend(this.store, 'calc', randomUUID)
    if (lease.state === 'moved') {
      await confirmMoved(this.store, 'calc', channel, lease, 'calc', true)
      return
    }
    await channel.send({
      kind: 'push',
      session: 'calc',
      as: 'calc',
      line: lease.line,
      epoch: lease.epoch,
      force: false,
    })
    await channel.expect('ready')
    await sendSession(this.store, 'calc', channel, {
      uuid: randomUUID,
      now: () => performance.now(),
      live: this.live(),
      end: { kind: 'move', transfer: randomUUID(), as: 'calc', there: 'http://there/calc', here: 'here', start: true },
    })
  }

  async take(channel: Channel): Promise<void> {
    const first = await channel.expect('push', 'activate')
    const lock = new LentLock(await this.store.lock('calc'))
    const options: TakeOptions = {
      standBy: async (name) => {
        const standby = await prepareStandby(this.store, name, this.options)
        this.stoodBy = true
        const goOn = async () => {
          this.session = await standby.goOn(lock.lend())
          this.wentOn = true
        }
        return { standby, goOn }
      },
      onOwned: async () => {
        await this.restore()
        return { running: true, reason: '' }
      },
    }
    try {
      if (first.kind === 'activate') return void (await activate(this.store, 'calc', channel, lock, first, options))
      await checkPlace(this.store, 'calc', first.line, first.epoch)
      await channel.send({ kind: 'ready', line: first.line, epoch: first.epoch })
      await takeSession(this.store, 'calc', channel, lock, options)
    } finally {
      await lock.release()
    }
  }

  async isRunnable(): Promise<boolean> {
    const blobs = await this.store.list('sessions/calc/')
    return blobs.some(({ name }) => !name.endsWith('lease.cbor')) && mayRun(await loadLease(this.store, 'calc'))
  }
}

async function move(from: Side, to: Side, pair: PairOptions = {}): Promise<void> {
  const [near, far] = duplexPair(pair).map((duplex) => new Channel(duplex)) as [Channel, Channel]
  const closing = (channel: Channel) => (error: unknown) => channel.fail(error)
  await Promise.all([from.send(near).catch(closing(near)), to.take(far).catch(closing(far))])
}

/** One copy can run; or the sender has let go and has only to say so again. */
async function checkOne(from: Side, to: Side): Promise<void> {
  // It was quicker than its move.
  if (from.session?.state === 'exited') return
  const owners = [await from.isRunnable(), await to.isRunnable()].filter(Boolean).length
  const [ours, theirs] = [await loadLease(from.store, 'calc'), await loadLease(to.store, 'calc')]
  if (owners === 0) expect([ours?.state, ours?.confirmed, theirs?.state]).toEqual(['moved', false, 'received'])
  else expect(owners).toBe(1)
  // Nothing that stands by has outlived the connection, and what runs is the owner.
  const isAlive = (side: Side) =>
    side.session !== undefined && ['running', 'checkpointing'].includes(side.session.state)
  if (isAlive(from)) expect(await from.isRunnable()).toBe(true)
  if (isAlive(to)) expect(await to.isRunnable()).toBe(true)
  expect(isAlive(from) && isAlive(to)).toBe(false)
}

/** Bytes of the conversation from such a frame on, roughly: a part of the cuts comes behind its end. */
const parts: readonly (readonly [Kind, number])[] = [
  ['hello', 9_000],
  ['prepare', 2_500],
  ['offer', 700],
]

test(`A connection that is cut at any byte while a session stands by (${seeds} seeds) leaves one copy that can run, and its output comes once`, {
  timeout: 1_200_000,
}, async () => {
  let cuts = 0
  let stoodBy = 0
  let wentOn = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const random = seeded(seed)
    const [from, to] = [new Side(), new Side()]
    await from.begin()
    while (from.out.length < 20) await sleep(2)
    const [kind, size] = parts[seed % parts.length]!
    const cut: PairOptions = { cutAfter: Math.floor(random() * size), ...(kind !== 'hello' && { from: kind }) }
    await move(from, to, cut)
    await checkOne(from, to)
    if (!(await to.isRunnable())) {
      cuts++
      const lease = await loadLease(from.store, 'calc')
      const isStopped = from.session!.state !== 'running' && from.session!.state !== 'checkpointing'
      if (lease?.state !== 'moved' && isStopped && (await from.session!.done).kind !== 'exited') {
        await from.restore()
        await checkOne(from, to)
      }
      if (from.session!.state !== 'exited') await move(from, to)
      await checkOne(from, to)
    }
    // It may have been quicker than its move.
    const last = to.session ?? from.session!
    expect(await last.done).toMatchObject({ kind: 'exited', code: 7 })
    expect(`${seed}: ${from.out}${to.out}`).toBe(`${seed}: ${wanted}`)
    stoodBy += Number(to.stoodBy)
    wentOn += Number(to.wentOn)
    for (const close of opened.splice(0)) close()
  }
  expect(cuts).toBeGreaterThan(seeds / 4)
  expect(stoodBy).toBeGreaterThan(seeds / 3)
  expect(wentOn).toBeGreaterThan(seeds / 4)
})
