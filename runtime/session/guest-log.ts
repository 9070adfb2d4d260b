import { type Host, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import type { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import type { MemorySource } from '../intercept/call-site.ts'
import type { Interceptor } from '../intercept/interceptor.ts'
import { record } from '../intercept/record.ts'
import { recover } from '../intercept/recover.ts'
import type { ReplayEnd } from '../intercept/replay.ts'
import { FollowedStorage, LogFollower } from '../log/followed.ts'
import { type LogEnd, SegmentedLog } from '../log/segmented-log.ts'
import type { LogFile, LogPlace, LogStorage } from '../log/storage.ts'
import { LogWriter, type ResumePoint } from '../log/writer.ts'
import { segmentName } from '../store/session-log.ts'
import type { LogSettings } from './messages.ts'

/** How a session went on behind its log. */
export interface Live extends ReplayEnd {
  readonly end: LogEnd
  /** Bytes of stdin that the replayed calls had read. */
  readonly stdinRead: number
  /** What is made again may have been seen outside: output to a terminal or pipe. */
  readonly isRepeated: boolean
}

/**
 * The call log of a session, as the guest's thread keeps it: first replayed, where there is a tail behind the checkpoint,
 * then written, a segment from checkpoint to checkpoint.
 */
export class GuestLog {
  readonly #storage: LogStorage
  readonly #tailStorage: LogStorage
  readonly #settings: LogSettings
  readonly #onLive: (live: Live) => void
  readonly #calls: number
  readonly #onEnd: () => void
  #source: SegmentedLog | undefined
  #writer: LogWriter | undefined
  #file: LogFile | undefined
  /** First call of the segment that is written. */
  #firstCall = 0

  /**
   * `calls`: made before the instant that the guest goes on from. `onLive` is told once, where a tail is replayed; or `onEnd`,
   * where it is not to go on, and the call gives way to a checkpoint.
   */
  constructor(
    open: (place: LogPlace) => LogStorage,
    settings: LogSettings,
    calls: number,
    onLive: (live: Live) => void,
    onEnd: () => void,
    onCaughtUp: (generation: number) => void = () => undefined,
  ) {
    this.#storage = open(settings.place)
    const tailStorage = settings.tailPlace === undefined ? this.#storage : open(settings.tailPlace)
    const growing = settings.tail.at(-1)?.name
    const isFollowed = settings.follow !== undefined && growing !== undefined
    this.#tailStorage = isFollowed
      ? new FollowedStorage(tailStorage, growing, new LogFollower(settings.follow), onCaughtUp)
      : tailStorage
    this.#settings = settings
    this.#onLive = onLive
    this.#onEnd = onEnd
    this.#calls = calls
    if (settings.tail.length > 0 || settings.replay !== undefined)
      this.#source = new SegmentedLog(this.#tailStorage, settings.tailOf, settings.tail, calls)
    else this.#begin(calls)
  }

  /** Calls are answered from the log. */
  get isReplaying(): boolean {
    return this.#source !== undefined
  }

  /** Calls that were made before are made up for, and nobody wants to see them again. */
  get isCatchingUp(): boolean {
    return this.isReplaying && this.#settings.replay === undefined
  }

  /** What the kernel of a replayed program has to know. */
  get kernelOptions() {
    const { replay } = this.#settings
    return {
      notes: true,
      replay: this.isReplaying,
      echo: replay?.echo === true,
      files: replay?.files === true,
      alone: replay !== undefined,
    }
  }

  /** Stands before a kernel that was made with `notes`, and with `replay` where there is a tail. */
  interceptor(kernel: Kernel, memory: MemorySource): Interceptor {
    const { durable } = this.#settings
    const options = {
      memory,
      notes: (module: string, name: string) => kernel.notes(module, name),
      ...(durable && { beforeEffect: () => this.#file?.sync() }),
    }
    const source = this.#source
    if (source === undefined) return record(this.#writer!, options)
    const firstCall = this.#calls
    const goOn = (end: ReplayEnd) => this.#goOn(source, kernel, end)
    return recover(source, { ...options, chunks: this.#tailStorage.chunks, kernel, firstCall, goOn })
  }

  #goOn(source: SegmentedLog, kernel: Kernel, replayed: ReplayEnd): LogWriter {
    if (this.#settings.replay !== undefined) return this.#holdAtEnd()
    const { call, intent, module, name, words, note } = replayed
    const isRepeated = intent && kernel.isUnrepeatable(module, name, words)
    const { end } = source
    kernel.endReplay(intent ? { name, note, words } : undefined)
    this.#source = undefined
    // A crash before the first call behind the log came back has left a segment that begins there.
    const { last } = end
    const isSame = last?.firstCall === call && last.resume.calls === call
    // Behind what could not be read: another history, now that the program goes on from here.
    if (this.#settings.tailPlace === undefined) {
      for (const { name: segment, firstCall } of this.#settings.tail) {
        if (firstCall > call || (firstCall === call && !isSame)) this.#storage.setAside(segment)
      }
    }
    const writer = this.#begin(call, isSame && this.#settings.tailPlace === undefined ? last?.resume : undefined)
    this.#onLive({ ...replayed, end, stdinRead: kernel.replayedStdin, isRepeated })
    return writer
  }

  #holdAtEnd(): never {
    this.#onEnd()
    throw new WaitInterrupted()
  }

  #begin(call: number, resume?: ResumePoint): LogWriter {
    const { session } = this.#settings
    this.#firstCall = call
    const file = this.#storage.open(segmentName(call, session), resume?.bytes ?? 0)
    this.#file = file
    const sink = (block: Uint8Array) => file.append(block)
    const { chunks } = this.#storage
    const from = resume === undefined ? { firstCall: call } : { resume }
    this.#writer = new LogWriter({ session, sink, chunks, ...from })
    return this.#writer
  }

  /** The guest has no stack and waits to be called by the host, which is not in the log: the rest cannot be replayed. */
  giveUpTail(): void {
    this.#source?.stop('the program was called by its host, which a log does not tell')
  }

  /** Everything recorded is with the operating system. A log without calls is not begun: there may be no room for it. */
  commit(): void {
    const writer = this.#writer
    if (writer !== undefined && writer.calls > this.#firstCall) writer.commit()
  }

  /** A checkpoint was taken: what follows goes into a segment of its own. */
  rotate(): void {
    const writer = this.#writer
    if (writer === undefined || writer.calls === this.#firstCall) return
    writer.commit()
    this.#file?.close()
    const { calls } = writer
    this.#firstCall = calls
    const file = this.#storage.open(segmentName(calls, this.#settings.session), 0)
    this.#file = file
    writer.rotate((block) => file.append(block))
  }
}

/** What a log holds is with the operating system before the guest sleeps. */
export function committing(host: Host, log: GuestLog | undefined): Host {
  if (log === undefined) return host
  const { clocks, random, stdin, stdout, stderr } = host
  const wait: Host['wait'] = (condition) => {
    log.commit()
    return host.wait(condition)
  }
  return { clocks, random, stdin, stdout, stderr, wait }
}
