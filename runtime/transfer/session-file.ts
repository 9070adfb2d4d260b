/**
 * A session as a file: what its sender would say to somebody who has nothing (docs/protocol.md), written down.
 *
 *     89 53 54 41 53 53 45 53 (\x89STASSES), then for each frame its length (4 bytes, little-endian) and the frame:
 *     push, inventory, (data, end)..., flush, keep
 *
 * Whoever reads it is a receiver like any other, so that the same checks apply. A file can be read many times: each copy is a
 * session of its own.
 */
import { StasisError } from '../../wasm-shim/errors.ts'
import { forkLease } from '../store/lease.ts'
import type { Store } from '../store/store.ts'
import { Channel } from './channel.ts'
import type { Duplex } from './duplex.ts'
import { leaseToSend } from './give.ts'
import { decodeMessage, encodeMessage, type Message, maxFrame } from './protocol.ts'
import type { SendOptions } from './send-blobs.ts'
import { sendSession } from './send-session.ts'
import { type TakeOptions, takeSession } from './take.ts'

export const sessionFileMagic: Uint8Array = Uint8Array.of(0x89, 0x53, 0x54, 0x41, 0x53, 0x53, 0x45, 0x53)

/** Answers of somebody who has nothing. */
const answers: Partial<Record<Message['kind'], Message>> = {
  inventory: { kind: 'have', blobs: [], more: false },
  flush: { kind: 'stored' },
  keep: { kind: 'kept' },
}

class Recorder implements Duplex {
  readonly parts: Uint8Array[] = [sessionFileMagic]
  #answer: Message | undefined

  async send(frame: Uint8Array): Promise<void> {
    const head = new Uint8Array(4)
    new DataView(head.buffer).setUint32(0, frame.length, true)
    this.parts.push(head, frame)
    const message = decodeMessage(frame)
    if (message.kind === 'inventory' && message.more) return
    this.#answer = answers[message.kind] ?? this.#answer
  }

  async receive(): Promise<Uint8Array | undefined> {
    const answer = this.#answer
    this.#answer = undefined
    return answer && encodeMessage(answer)
  }

  close(): void {}
}

/** The parts of a file with all of a session, which must not run. Its lock is taken for as long as it is read. */
export async function writeSessionFile(
  store: Store,
  session: string,
  options: SendOptions & { readonly uuid: () => string },
): Promise<readonly Uint8Array[]> {
  const recorder = new Recorder()
  const channel = new Channel(recorder)
  const { line, epoch } = await leaseToSend(store, session, options.uuid)
  await channel.send({ kind: 'push', session, as: session, line, epoch, force: false })
  await sendSession(store, session, channel, { ...options, end: { kind: 'copy', here: '' } })
  return recorder.parts
}

class Player implements Duplex {
  readonly #bytes: Uint8Array
  #at = sessionFileMagic.length

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  async send(): Promise<void> {}

  async receive(): Promise<Uint8Array | undefined> {
    const left = this.#bytes.length - this.#at
    if (left === 0) return undefined
    if (left < 4) throw damaged('it ends inside a length')
    const length = new DataView(this.#bytes.buffer, this.#bytes.byteOffset).getUint32(this.#at, true)
    if (length > maxFrame) throw damaged(`a frame of ${length} bytes is announced at byte ${this.#at}`)
    if (length > left - 4) throw damaged(`it ends inside a frame that begins at byte ${this.#at}`)
    const frame = this.#bytes.subarray(this.#at + 4, this.#at + 4 + length)
    this.#at += 4 + length
    return frame
  }

  close(): void {}
}

export const isSessionFile = (bytes: Uint8Array): boolean => sessionFileMagic.every((byte, at) => bytes[at] === byte)

/** The name of the session in a file. Throws STASIS_SESSION_FILE. */
export async function nameInFile(bytes: Uint8Array): Promise<string> {
  const first = await new Channel(new Player(bytes)).next().catch((cause: unknown) => {
    throw damaged('its first frame cannot be read', cause)
  })
  if (first?.kind !== 'push') throw damaged('it does not begin with the name of a session')
  return first.session
}

/**
 * Puts what is in a file into the store as a session `name`, which the store must not have: one of its own. Throws
 * STASIS_SESSION_FILE, STASIS_PROTOCOL, STASIS_TRANSFER_*, STASIS_IMAGE_*.
 */
export async function readSessionFile(
  store: Store,
  name: string,
  bytes: Uint8Array,
  options: TakeOptions & { readonly uuid: () => string },
): Promise<void> {
  const { uuid, ...take } = options
  const lock = await store.lock(name)
  try {
    const channel = new Channel(new Player(bytes))
    await channel.expect('push')
    await takeSession(store, name, channel, lock, take)
    await forkLease(store, name, uuid())
  } finally {
    await lock.release()
  }
}

function damaged(why: string, cause?: unknown): StasisError {
  const message = `The session file is damaged: ${why}. Take another copy of it.`
  return new StasisError('STASIS_SESSION_FILE', message, {}, cause === undefined ? undefined : { cause })
}
