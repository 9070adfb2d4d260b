import type { ReadStream } from 'node:tty'
import { type Channel, connectionLost } from '../../runtime/transfer/channel.ts'
import type { FilesWay } from '../../runtime/transfer/mount-fates.ts'
import { maxPiece } from '../../runtime/transfer/protocol.ts'
import { connect } from '../transfer/connect.ts'
import { closing } from '../transfer/send.ts'
import { LineEditor } from './line-editor.ts'

export interface AttachOptions {
  readonly token: string | undefined
  /** Run it first, if it does not run. */
  readonly start: boolean
  /** What is done with files in its directories then. */
  readonly files: FilesWay
  readonly write: boolean
  /** How it begins, for people. */
  readonly onAttached: (writer: boolean) => void
}

export type AttachEnd =
  | { readonly kind: 'over'; readonly code: number; readonly reason: string }
  | { readonly kind: 'detached' }

/** Connects this process's terminal, or its pipes, to a session on a server until one of them ends. */
export async function attach(server: string, session: string, options: AttachOptions): Promise<AttachEnd> {
  const channel = await connect(server, options.token)
  return closing(channel, async () => {
    if (options.start) {
      await channel.send({ kind: 'start', session, files: options.files })
      await channel.expect('started')
    }
    await channel.send({ kind: 'attach', session, write: options.write })
    const { writer, screen } = await channel.expect('attached')
    options.onAttached(writer)
    await write(screen)
    const keyboard = openKeyboard(channel, writer)
    try {
      return await Promise.race([follow(channel), keyboard.detached])
    } finally {
      keyboard.close()
    }
  })
}

async function follow(channel: Channel): Promise<AttachEnd> {
  for (;;) {
    const message = await channel.expect('output', 'over')
    if (message.kind === 'over') return { ...message }
    await write(message.bytes)
  }
}

function write(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(connectionLost('stdout was closed', error)) : resolve()))
  })
}

interface Keyboard {
  /** Resolves when the person leaves. */
  readonly detached: Promise<AttachEnd>
  close(): void
}

function openKeyboard(channel: Channel, writer: boolean): Keyboard {
  const stdin = process.stdin
  let leave!: (end: AttachEnd) => void
  const detached = new Promise<AttachEnd>((resolve) => {
    leave = resolve
  })
  if (!stdin.isTTY && !writer) return { detached, close: () => {} }
  let sending = Promise.resolve()
  const post = (task: () => Promise<void>) => {
    stdin.pause()
    // What is wrong with the connection is told by who reads from it.
    sending = sending.then(task).catch(() => undefined)
    void sending.then(() => stdin.resume())
  }
  const input = (bytes: Uint8Array) => async () => {
    for (let at = 0; at < bytes.length; at += maxPiece) {
      await channel.send({ kind: 'input', bytes: bytes.slice(at, at + maxPiece) })
    }
  }
  const eof = () => channel.send({ kind: 'eof' })
  const editor = new LineEditor()
  const onData = (chunk: Buffer) => {
    if (!stdin.isTTY) return post(input(new Uint8Array(chunk)))
    const typed = editor.type(chunk.toString('utf8'))
    if (writer) process.stdout.write(typed.echo)
    if (writer && typed.send !== '') post(input(new TextEncoder().encode(typed.send)))
    if (writer && typed.eof) post(eof)
    if (typed.detach) leave({ kind: 'detached' })
  }
  const onEnd = () => post(eof)
  const setRaw = (isRaw: boolean) => stdin.isTTY && (stdin as ReadStream).setRawMode(isRaw)
  setRaw(true)
  stdin.on('data', onData).on('end', onEnd)
  return {
    detached,
    close: () => {
      setRaw(false)
      stdin.off('data', onData).off('end', onEnd).pause()
    },
  }
}
