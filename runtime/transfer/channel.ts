import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import type { Codec } from './codec.ts'
import type { Duplex } from './duplex.ts'
import {
  broken,
  decodeMessage,
  encodeMessage,
  type Kind,
  type Message,
  type MessageOf,
  protocolVersion,
} from './protocol.ts'

/** Messages over a connection. */
export class Channel {
  readonly #duplex: Duplex
  /** Bytes of frames sent and received, for tests and progress. */
  sent = 0
  received = 0

  #readsZstd = false

  /** Whether the other side said that it reads `zstd`. */
  get readsZstd(): boolean {
    return this.#readsZstd
  }

  constructor(duplex: Duplex) {
    this.#duplex = duplex
  }

  async send(message: Message): Promise<void> {
    const frame = encodeMessage(message)
    this.sent += frame.length
    await this.#duplex.send(frame)
  }

  /** The next message; undefined once the other side has closed. Throws STASIS_PROTOCOL, and what the other side reports. */
  async next(): Promise<Message | undefined> {
    const frame = await this.#duplex.receive()
    if (frame === undefined) return undefined
    this.received += frame.length
    const message = decodeMessage(frame)
    if (message.kind === 'error') {
      // It is shown to people, on terminals.
      throw new StasisError(message.code, message.message.replaceAll(/\p{Cc}+/gu, ' '), { remote: true })
    }
    return message
  }

  /** The next message, which must be of one of these kinds. */
  async expect<K extends Kind>(...kinds: readonly K[]): Promise<MessageOf<K>> {
    const message = await this.next()
    if (message === undefined) throw connectionLost('the other side closed it')
    if ((kinds as readonly Kind[]).includes(message.kind)) return message as unknown as MessageOf<K>
    throw broken(`"${message.kind}" came where ${kinds.map((kind) => `"${kind}"`).join(' or ')} should`)
  }

  /** Tells the other side why this one gives up, if it can still be told, and closes. */
  async fail(error: unknown): Promise<void> {
    const known = isStasisError(error) && error.fields.remote !== true
    if (known && error.code !== 'STASIS_CONNECTION_LOST') {
      const message = error.message.slice(0, 16_384)
      await this.send({ kind: 'error', code: error.code, message }).catch(() => undefined)
    } else if (!isStasisError(error)) {
      const message = 'The other side failed; its own messages say why.'
      await this.send({ kind: 'error', code: 'STASIS_INTERNAL', message }).catch(() => undefined)
    }
    this.close()
  }

  close(): void {
    this.#duplex.close()
  }

  /** The first thing on a connection. `codec`: what this side decompresses with. Throws STASIS_PROTOCOL_VERSION. */
  async greet(agent: string, codec?: Codec): Promise<string> {
    const abilities = codec?.zstd === undefined ? '' : ' (zstd)'
    await this.send({ kind: 'hello', version: protocolVersion, agent: `${agent}${abilities}` })
    const hello = await this.expect('hello')
    this.#readsZstd = /\((\S+ )*zstd( \S+)*\)$/.test(hello.agent)
    if (hello.version === protocolVersion) return hello.agent
    const message = `The other side (${hello.agent}) speaks version ${hello.version} of the protocol, and this one ${protocolVersion}. Install the same version of stasis on both.`
    throw new StasisError('STASIS_PROTOCOL_VERSION', message, { version: hello.version })
  }
}

export function connectionLost(why: string, cause?: unknown): StasisError {
  const message = `The connection was lost: ${why}. What has arrived is kept; the same command goes on from there.`
  return new StasisError('STASIS_CONNECTION_LOST', message, {}, { cause })
}
