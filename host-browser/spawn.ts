import type { ControlBlock } from '../runtime/session/control-block.ts'
import type { FromGuest, GuestInit, Message, ToGuest } from '../runtime/session/messages.ts'
import type { GuestPort } from '../runtime/session/parts.ts'
import type { MountContent } from '../runtime/session/session-files.ts'
import { StdinRing } from '../runtime/session/stdin-ring.ts'
import type { Store } from '../runtime/store/store.ts'
import { consoleSink } from './console-sink.ts'
import { Delivery } from './delivery.ts'
import { createWorker, type EarlyWorker } from './early-worker.ts'
import { Flow } from './flow.ts'
import { feedInput, type InputFeed, postedSink, ringSink } from './input-feed.ts'
import { KeptInput } from './kept-input.ts'
import { writeCache } from './prelink-cache.ts'
import { loadTail } from './stored-log.ts'
import { feedTyped } from './typed-feed.ts'
import type { StdinSetup, ToWorker, WorkerMessage, WorkerSetup } from './worker-messages.ts'

/** Takes what the program writes. With a promise the guest waits where too much has come that was not taken yet. */
export type OutputSink = (bytes: Uint8Array) => void | Promise<void>

export interface StreamOptions {
  /** Default: 'empty'. What was taken from a stream and not read by the guest goes with a checkpoint. */
  readonly stdin?: 'empty' | Uint8Array | ReadableStream<Uint8Array>
  /** Default: the console, line by line. */
  readonly stdout?: OutputSink
  readonly stderr?: OutputSink
  /** stdin, stdout and stderr are a terminal, for programs that ask. Default false. */
  readonly terminal?: boolean
  /**
   * Functions for imports that are not WASI: by the import's module name, the URL of an ES module with an export
   * `imports`, which is given `{ memory }` in the guest's worker and returns functions by name. Granted again by whoever
   * restores, as all capabilities are.
   */
  readonly imports?: Readonly<Record<string, string>>
  /** Keep pre-linked modules in Cache Storage. Default true. */
  readonly cache?: boolean
}

export interface SpawnOptions extends StreamOptions {
  /** Where the session's log goes, and comes from. */
  readonly store: Store
  /** A worker that has begun already. */
  readonly early?: EarlyWorker
  /** What the memory mounts of a program hold that exits; the session ends afterwards. */
  readonly onExit?: (contents: readonly MountContent[]) => Promise<void>
}

/** Starts a worker for one session. */
export function spawnGuest(
  options: SpawnOptions,
  control: ControlBlock,
  receive: (message: Message<FromGuest>) => void,
  fail: (error: unknown) => void,
): GuestPort {
  return new WorkerGuest(options, control, receive, fail)
}

type Received = WorkerMessage | Message<FromGuest>

class WorkerGuest implements GuestPort {
  readonly #options: SpawnOptions
  readonly #control: ControlBlock
  readonly #receive: (message: Message<FromGuest>) => void
  readonly #fail: (error: unknown) => void
  readonly #worker: Worker
  readonly #flow: Flow | undefined
  readonly #posted = postedSink((bytes) => this.#tell('input', { bytes }))
  readonly #stdin: StdinSetup
  readonly #feed: InputFeed | undefined
  readonly #sinks: Readonly<Record<1 | 2, OutputSink>>
  #delivery: Delivery | undefined
  #setKept: (kept: KeptInput | undefined) => void = () => undefined
  /** What a person types; undefined where it is not kept. */
  readonly #kept = new Promise<KeptInput | undefined>((resolve) => {
    this.#setKept = resolve
  })
  /** Of the input that came here the guest has read so much, as of the checkpoint that comes next. */
  #inputRead = 0
  /** It was stopped by its log, and nothing else has what it did not read. */
  #isHalted = false
  #hasLoaded: () => void = () => undefined
  /** Settles once all that was posted is with the worker. */
  #sent: Promise<void> = new Promise((resolve) => {
    this.#hasLoaded = resolve
  })
  #isOver = false

  constructor(
    options: SpawnOptions,
    control: ControlBlock,
    receive: (message: Message<FromGuest>) => void,
    fail: (error: unknown) => void,
  ) {
    this.#options = options
    this.#control = control
    this.#receive = receive
    this.#fail = fail
    this.#flow = control.isShared ? new Flow() : undefined
    this.#sinks = { 1: options.stdout ?? consoleSink('log'), 2: options.stderr ?? consoleSink('error') }
    const { stdin = 'empty' } = options
    if (stdin === 'empty') this.#stdin = { kind: 'empty' }
    else if (stdin instanceof Uint8Array) this.#stdin = { kind: 'bytes', bytes: stdin }
    else {
      const ring = control.isShared ? new StdinRing() : undefined
      this.#stdin = ring === undefined ? { kind: 'posted' } : { kind: 'ring', ring: ring.buffer }
      const sink = ring === undefined ? this.#posted : ringSink(ring, control)
      this.#feed =
        options.terminal === true ? feedTyped(stdin, sink, (bytes) => void this.#keep(bytes)) : feedInput(stdin, sink)
    }
    const early = options.early?.take()
    if (early !== undefined) void options.early!.loaded.then(() => this.#hasLoaded())
    this.#worker = early ?? createWorker()
    this.#worker.onmessage = ({ data }: MessageEvent<Received>) => this.#handle(data)
    this.#worker.onerror = (event) => fail(new Error(event.message || 'its script could not be loaded'))
    this.#worker.onmessageerror = () => fail(new Error('a message of it could not be read'))
    if (this.#feed !== undefined) {
      const feed = this.#feed
      this.holdInput = (taken) => feed.hold(taken)
      this.releaseInput = () => feed.release()
    }
  }

  readonly holdInput?: NonNullable<GuestPort['holdInput']>
  readonly releaseInput?: () => void

  readonly post: GuestPort['post'] = (kind, payload, transfer = []) => {
    this.#sent = this.#sent
      .then(async () => {
        if (kind === 'init') await this.#setUp(payload as GuestInit)
        this.#worker.postMessage({ kind, payload } as Message<ToGuest>, [...transfer])
      })
      .catch((error: unknown) => this.#fail(error))
  }

  #tell<Kind extends keyof ToWorker>(kind: Kind, payload: ToWorker[Kind]): void {
    this.#worker.postMessage({ kind, payload })
  }

  async #keep(bytes: Uint8Array): Promise<void> {
    await (await this.#kept)?.accept(bytes).catch(this.#fail)
  }

  /** The log that is to be replayed goes along. */
  async #setUp({ log, beginning }: GuestInit): Promise<void> {
    const { store, terminal = false, cache = true, imports = {} } = this.#options
    const from = log?.tailPlace ?? log?.place
    const isLogged = log !== undefined && from?.kind === 'store'
    const tail = isLogged ? await loadTail(store, from.session, log.tail) : { tail: [], chunks: [] }
    const place = log?.place
    const onFull = (waiting: boolean, reason: string) =>
      this.#receive({ kind: 'logFull', payload: { waiting, reason } })
    let kept: KeptInput | undefined
    if (place?.kind === 'store') {
      const { session } = place
      const onTaken = (bytes: number) => this.#taken(bytes)
      this.#delivery = new Delivery({ store, session, onFull, onTaken, onError: this.#fail })
      if (terminal && this.#feed !== undefined && log?.replay === undefined) {
        const image = beginning.image && { image: beginning.image }
        const isOver = () => this.#isOver
        kept = await KeptInput.open({ store, session, id: log!.session, onFull, isOver, ...image })
      }
    }
    this.#setKept(kept)
    const urls = Object.entries(imports).map(([name, url]) => [name, new URL(url, document.baseURI).href])
    const setup: WorkerSetup = {
      stdin: this.#stdin,
      terminal,
      ...(this.#flow && { flow: this.#flow.buffer }),
      cache,
      typedBehind: kept?.behind ?? new Uint8Array(0),
      imports: Object.fromEntries(urls),
      ...tail,
    }
    this.#tell('setup', setup)
  }

  #taken(bytes: number): void {
    if (this.#flow === undefined) this.#tell('taken', { bytes })
    else this.#flow.taken(bytes)
  }

  #handle(message: Received): void {
    if (this.#isOver) return
    switch (message.kind) {
      case 'loaded':
        this.#hasLoaded()
        return
      case 'logAppend':
      case 'logOpen':
      case 'logSetAside':
      case 'logChunk':
        this.#delivery?.log(message)
        return
      case 'cache':
        void writeCache(message.payload.key, message.payload.bytes)
        return
      case 'input':
        this.#posted.told(message.payload.received, message.payload.wanted)
        return
      case 'resting':
        this.#control.setAsleep(message.payload.isResting)
        return
      case 'output': {
        const { fd, bytes } = message.payload
        this.#inOrder(() => {
          const done = this.#sinks[fd](bytes)
          if (done === undefined) return this.#taken(bytes.length)
          return done.then(() => this.#taken(bytes.length))
        })
        return
      }
      case 'inputRead':
        this.#inputRead = message.payload.bytes
        return
      case 'captured': {
        const { calls, input } = message.payload
        const read = this.#inputRead
        const carried = input.first.length + input.taken.length
        this.#inOrder(async () => {
          await (await this.#kept)?.noteCheckpoint(calls, read, carried)
          this.#receive(message)
        })
        return
      }
      case 'halted':
        this.#isHalted = true
        this.#inOrder(() => this.#receive(message))
        return
      case 'exited':
        this.#inOrder(async () => {
          await this.#options.onExit?.(message.payload.files ?? [])
          this.#receive(message)
        })
        return
      default:
        this.#inOrder(() => this.#receive(message))
    }
  }

  #inOrder(deliver: () => void | Promise<void>): void {
    if (this.#delivery === undefined) void deliver()
    else this.#delivery.inOrder(deliver)
  }

  async terminate(): Promise<void> {
    this.#isOver = true
    this.#feed?.stop()
    this.#delivery?.end()
    this.#worker.terminate()
    this.#setKept(undefined)
    if (!this.#isHalted) await (await this.#kept)?.forget()
  }
}
