import { loadLease, mayRun } from '../../runtime/store/lease.ts'
import type { Store } from '../../runtime/store/store.ts'
import type { Channel } from '../../runtime/transfer/channel.ts'
import { type Message, type MessageOf, maxPiece } from '../../runtime/transfer/protocol.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import type { RunningSession, RunningSessions, Viewer } from './running.ts'
import { checkKnown, refusalThere } from './unknown-session.ts'

/** Bytes that may wait for a viewer that does not keep up. */
const maxWaiting = 4 << 20

/** Serves one `attach`, until the viewer goes or the program ends. */
export async function serveViewer(
  channel: Channel,
  { session: name, write }: MessageOf<'attach'>,
  sessions: RunningSessions,
  store: Store,
): Promise<void> {
  const running = sessions.get(name)
  if (running === undefined) {
    const ended = sessions.ended(name)
    if (ended === undefined) throw await notRunning(store, name)
    await channel.send({ kind: 'attached', writer: false, screen: ended.screen.bytes() })
    await channel.send({ kind: 'over', code: ended.code, reason: ended.reason })
    return
  }
  const queue = new Outbox(channel)
  const viewer: Viewer = {
    output: (bytes) => {
      for (let at = 0; at < bytes.length; at += maxPiece) {
        queue.put({ kind: 'output', bytes: bytes.subarray(at, at + maxPiece) }, Math.min(maxPiece, bytes.length - at))
      }
    },
    over: (code, reason) => {
      queue.put({ kind: 'over', code, reason }, 0)
      queue.close()
    },
  }
  if (write && running.writer === undefined) running.writer = viewer
  queue.put({ kind: 'attached', writer: running.writer === viewer, screen: running.screen.bytes() }, 0)
  running.viewers.add(viewer)
  try {
    await listen(channel, running, viewer)
  } finally {
    running.viewers.delete(viewer)
    if (running.writer === viewer) running.writer = undefined
  }
}

async function listen(channel: Channel, running: RunningSession, viewer: Viewer): Promise<void> {
  for (;;) {
    const message = await channel.next()
    switch (message?.kind) {
      case 'input':
        await running.type(message.bytes, viewer)
        break
      case 'eof':
        running.endInput(viewer)
        break
      case 'resize':
        // WASI preview1 has no way to tell a program.
        break
      default:
        return
    }
  }
}

/** Messages on their way to a viewer, in order; one that is too slow is let go. */
class Outbox {
  readonly #channel: Channel
  #waiting = 0
  #sending: Promise<void> = Promise.resolve()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  put(message: Message, size: number): void {
    this.#waiting += size
    if (this.#waiting > maxWaiting) {
      this.#channel.close()
      return
    }
    this.#sending = this.#sending
      .then(() => this.#channel.send(message))
      .catch(() => this.#channel.close())
      .then(() => {
        this.#waiting -= size
      })
  }

  close(): void {
    this.#sending = this.#sending.then(() => this.#channel.close())
  }
}

async function notRunning(store: Store, session: string): Promise<StasisError> {
  await checkKnown(store, session)
  const lease = await loadLease(store, session).catch(() => undefined)
  if (lease !== undefined && !mayRun(lease)) return refusalThere(session, lease)
  const message = `${session} does not run on this server. Run it there and attach: stasis attach --start URL/${session}.`
  return new StasisError('STASIS_NOT_RUNNING', message, { session })
}
