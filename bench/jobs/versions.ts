import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { FileStore } from '../../host-node/file-store.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeHead, packBody } from '../../runtime/image/encode.ts'
import { keepCheckpoint, listVersions, loadCheckpoint, type Saved } from '../../runtime/store/checkpoints.ts'
import { threadTime } from '../clock.ts'

export interface VersionsInput {
  /** Where the store is; empty. */
  readonly directory: string
  readonly repeats: number
  /** Versions of the session that is restored. */
  readonly versions: number
}

export interface Changed {
  /** Milliseconds of the copy for which a guest stands still, into memory that was used before. */
  readonly pause: readonly number[]
  /** Milliseconds of comparing, hashing and writing, beside the guest. */
  readonly save: readonly number[]
  /** Bytes that data and index grew by for each byte of a changed page. */
  readonly growth: readonly number[]
}

export interface VersionsOutput {
  /** Of 64 MB a hundredth or all pages changed. */
  readonly few: Changed
  readonly all: Changed
  /** Milliseconds from the store to a decoded memory: of the last of many versions, of a full one, of an image by itself. */
  readonly incremental: readonly number[]
  readonly full: readonly number[]
  readonly image: readonly number[]
}

const pages = 16_384
const size = pages * 4096

export async function measureVersions({ directory, repeats, versions }: VersionsInput): Promise<VersionsOutput> {
  const store = new FileStore(join(directory, 'store'))
  const memory = new Uint8Array(size)
  refill(memory)
  const session = new Writer(store, 'incremental', memory)
  const few = { pause: [] as number[], save: [] as number[], growth: [] as number[] }
  await session.save(0)
  const perVersion = Math.round(pages / 100)
  for (let version = 1; version < versions; version++) {
    touch(memory, perVersion)
    await session.save(perVersion * 4096, version > 2 ? few : undefined)
  }
  const newest = await new Writer(store, 'full', memory).save(0)
  await store.put('sessions/image/1.ckpt', [newest])
  const all = { pause: [] as number[], save: [] as number[], growth: [] as number[] }
  const changing = new Writer(store, 'changing', memory)
  for (let round = 0; round < 3 + repeats; round++) {
    refill(memory)
    await changing.save(size, round > 2 ? all : undefined)
  }
  const times = { incremental: [] as number[], full: [] as number[], image: [] as number[] }
  for (let round = -1; round < repeats; round++) {
    for (const name of ['incremental', 'full', 'image'] as const) {
      const began = performance.now()
      const { bytes } = await loadCheckpoint(store, { name, version: 0 })
      const { memories } = decodeCheckpoint(bytes).instances[0]!
      if (memories[0]!.bytes.length !== size) throw new Error('the memory has another size')
      if (round >= 0) times[name].push(performance.now() - began)
    }
  }
  if ((await listVersions(store, 'incremental')).length !== versions) throw new Error('a version is missing')
  return { few, all, ...times }
}

/** Saves one memory as a session does: copies it, keeps the last copy, and uses the one before again. */
class Writer {
  readonly #store: FileStore
  readonly #name: string
  readonly #memory: Uint8Array
  #rooms: Uint8Array[] = []
  #kept: Saved['kept']

  constructor(store: FileStore, name: string, memory: Uint8Array) {
    this.#store = store
    this.#name = name
    this.#memory = memory
  }

  /** The image's bytes. */
  async save(changed: number, times?: { pause: number[]; save: number[]; growth: number[] }): Promise<Uint8Array> {
    const state = {
      instances: [{ memories: [{ bytes: this.#memory }], globals: Uint32Array.of(1), tables: [] }],
      stacks: [],
      kernel: new Uint8Array(200),
    }
    const began = threadTime()
    const body = packBody(state, (needed) => {
      const room = this.#rooms.length > 1 ? this.#rooms.shift()! : new Uint8Array(needed)
      this.#rooms.push(room)
      return room
    })
    times?.pause.push(threadTime() - began)
    const begun = performance.now()
    const head = encodeHead({ ...emptyManifest(this.#name), instances: [{ memories: 1, tables: 0 }], stacks: 0 }, body)
    const pause = () => setImmediate()
    const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0
    const saved = await keepCheckpoint(this.#store, this.#name, [head, body.bytes], {
      before: this.#kept,
      pause,
      equal,
    })
    times?.save.push(performance.now() - begun)
    times?.growth.push(saved.added / changed)
    this.#kept = saved.kept
    const image = new Uint8Array(head.length + body.bytes.length)
    image.set(head)
    image.set(body.bytes, head.length)
    return image
  }
}

export function emptyManifest(name: string) {
  return {
    session: { name, id: '00000000-0000-4000-8000-000000000000' },
    cause: 'request',
    time: 0,
    module: { sha256: '0'.repeat(64), size: 0, name: 'bench' },
    prelink: { version: 1, polls: 'default' as const },
    calls: 0,
  }
}

function refill(memory: Uint8Array): void {
  for (let at = 0; at < memory.length; at += 65_536) randomFillSync(memory, at, 65_536)
}

let random = 1

function touch(memory: Uint8Array, count: number): void {
  const touched = new Set<number>()
  while (touched.size < count) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    touched.add(Math.floor((random / 2 ** 32) * pages))
  }
  for (const page of touched) randomFillSync(memory, page * 4096, 16)
}
