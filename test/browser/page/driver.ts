// In the page of a browser test: sessions by name, driven from outside. Served as /driver.js, beside dist/.
import type * as Browser from '../../../host-browser/index.ts'
import type { Outcome, SessionEvent } from '../../../host-browser/index.ts'
import { type LegPlace, type LegRequest, type LegResult, runLeg, type Stasis } from '../leg.ts'

const stasis = (await import('/dist/browser.js' as string)) as typeof Browser

export interface RunRequest {
  readonly name: string
  /** Default: `indexeddb:test`. */
  readonly store?: string
  /** URL of the module; absent to restore `address`. */
  readonly module?: string
  readonly address?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Texts by path in a memory mount /data. */
  readonly files?: Readonly<Record<string, string>>
  /** 'typed': by `type`. */
  readonly stdin?: string
  readonly terminal?: boolean
  readonly options?: Partial<Browser.BrowserStartOptions>
}

interface Running {
  readonly session: Browser.Session
  readonly events: SessionEvent[]
  output: string
  errors: string
  outcome: Outcome | undefined
  readonly input: ReadableStreamDefaultController<Uint8Array> | undefined
}

const running = new Map<string, Running>()
const place: LegPlace = {
  module: fetchBytes,
  get: (name) => fetchBytes(`/passed/${name}`),
  put: async (name, bytes) => {
    await fetch(`/passed/${name}`, { method: 'PUT', body: new Blob([bytes.slice()]) })
  },
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer())
}

let isStoreFull = false

/** The store, with no room where the test wants none. */
function limited(store: Browser.Store): Browser.Store {
  const refuse = () => {
    if (isStoreFull) throw new stasis.StasisError('STASIS_STORE_FULL', 'The store is full. Remove sessions.')
  }
  return new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      if (key !== 'append' && key !== 'put') return value.bind(target)
      return async (...args: unknown[]) => {
        refuse()
        return value.apply(target, args)
      }
    },
  })
}

const plain = (outcome: Outcome) => ({
  ...outcome,
  ...(outcome.kind === 'trapped' && { error: `${outcome.error.message}\n${outcome.error.stack}` }),
  ...(outcome.kind === 'exited' && {
    files: Object.fromEntries((outcome.files ?? []).map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)])),
  }),
})

export const driver = {
  isIsolated: stasis.isIsolated,

  /** Starts or restores; resolves once the program runs. */
  async run({ name, store = 'indexeddb:test', stdin = '', files, ...request }: RunRequest): Promise<void> {
    let input: ReadableStreamDefaultController<Uint8Array> | undefined
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        input = controller
      },
    })
    const events: SessionEvent[] = []
    const decoders = [new TextDecoder(), new TextDecoder()] as const
    let one: Running | undefined
    const early = { output: '', errors: '' }
    const common = {
      ...request.options,
      ...(request.terminal && { terminal: true }),
      stdin: stdin === 'typed' ? stream : new TextEncoder().encode(stdin),
      stdout: (bytes: Uint8Array) => {
        ;(one ?? early).output += decoders[0].decode(bytes, { stream: true })
      },
      stderr: (bytes: Uint8Array) => {
        ;(one ?? early).errors += decoders[1].decode(bytes, { stream: true })
      },
      onEvent: (event: SessionEvent) => void events.push(event),
    }
    const opened = limited(await stasis.openStore(store))
    const { module, address = name, args = [name], env = {} } = request
    const encoded = Object.entries(files ?? {}).map(([path, text]) => [path, new TextEncoder().encode(text)])
    const mounts = files && [{ guest: '/data', memory: true as const, files: Object.fromEntries(encoded) }]
    const session =
      module === undefined
        ? await stasis.Session.restore(opened, address, { ...common, name })
        : await stasis.Session.start({ ...common, module, args, env, name, store: opened, ...(mounts && { mounts }) })
    const made: Running = { session, events, ...early, outcome: undefined, input }
    one = made
    running.set(name, made)
    void session.done.then((outcome) => {
      made.outcome = outcome
    })
  },

  /** With mounts as they are given; files are lists of bytes. An empty module restores. */
  lua: (name: string, module: string, args: readonly string[], mounts: readonly unknown[]) => {
    const whole = (mounts as { files?: Record<string, number[]> }[]).map((mount) => ({
      ...mount,
      ...(mount.files && {
        files: Object.fromEntries(Object.entries(mount.files).map(([path, bytes]) => [path, Uint8Array.from(bytes)])),
      }),
    })) as unknown as readonly Browser.BrowserMount[]
    return driver.run({ name, stdin: 'typed', args, ...(module && { module }), options: { mounts: whole } })
  },

  type: (name: string, text: string) => running.get(name)!.input!.enqueue(new TextEncoder().encode(text)),
  endInput: (name: string) => running.get(name)!.input!.close(),
  seen: (name: string) => running.get(name)!.output,
  errors: (name: string) => running.get(name)!.errors,
  events: (name: string) => running.get(name)!.events.map((event) => ({ ...event })),

  /** Resolves to the output once it has the text; rejects after some seconds. */
  async until(name: string, text: string, seconds = 20): Promise<string> {
    const one = running.get(name)!
    for (const end = performance.now() + seconds * 1000; !one.output.includes(text); ) {
      if (performance.now() > end || one.outcome !== undefined) {
        const how = one.outcome === undefined ? '' : ` and ended: ${JSON.stringify(plain(one.outcome))}`
        throw new Error(`it printed ${JSON.stringify(one.output)}${how}, and not ${JSON.stringify(text)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return one.output
  },

  async checkpoint(name: string, options: Browser.CheckpointOptions = {}): Promise<Browser.CheckpointInfo> {
    return { ...(await running.get(name)!.session.checkpoint(options)) }
  },

  async done(name: string) {
    return plain(await running.get(name)!.session.done)
  },

  async fork(address: string, name: string) {
    return { ...(await stasis.Session.fork(await stasis.openStore('indexeddb:test'), address, name)) }
  },

  /** What a replay up to a call shows, and how it ends. */
  async replay(address: string, name: string, until: number) {
    const store = await stasis.openStore('indexeddb:test')
    let output = ''
    const stdout = (bytes: Uint8Array) => {
      output += new TextDecoder().decode(bytes)
    }
    const session = await stasis.Session.replay(store, address, { store, name, until, stdout })
    return { output, outcome: plain(await session.done) }
  },

  terminate: (name: string) => running.get(name)!.session.terminate(),

  async blobs(store = 'indexeddb:test'): Promise<string[]> {
    return (await (await stasis.openStore(store)).list('')).map(({ name }) => name)
  },

  /** The suite of all stores on this browser's IndexedDB: what went wrong with each test. */
  async storeSuite(): Promise<Record<string, string>> {
    await import('/store-suite.js' as string)
    return (globalThis as unknown as { storeSuite(): Promise<Record<string, string>> }).storeSuite()
  },

  /** From now on stores that `run` opens are full, or have room again. */
  setFull(isFull: boolean): void {
    isStoreFull = isFull
  },

  leg: (request: LegRequest): Promise<LegResult> => runLeg(stasis as unknown as Stasis, place, request),

  stasis,
}

Object.assign(globalThis, { driver })
