import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { FileStore } from '../../host-node/file-store.ts'
import type { PageCodec } from '../../runtime/codec/compression.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { keepCheckpoint, loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import { threadTime } from '../clock.ts'
import { emptyManifest } from './versions.ts'

const size = 64 << 20

export interface CodecsInput {
  /** Where the store is. */
  readonly directory: string
  readonly codecs: readonly PageCodec[]
}

export interface WrittenCodec {
  /** Milliseconds of the thread that saves, beside the guest. */
  readonly save: number
  /** Bytes of the checkpoint file. */
  readonly bytes: number
}

/** A session by each codec and an image by itself, of 64 MB as a program's memory is. */
export async function writeCodecs({ directory, codecs }: CodecsInput): Promise<WrittenCodec[]> {
  const store = new FileStore(join(directory, 'store'))
  const memory = programLike()
  const state = {
    instances: [{ memories: [{ bytes: memory }], globals: Uint32Array.of(1), tables: [] }],
    stacks: [],
    kernel: new Uint8Array(200),
  }
  const image = encodeCheckpoint({ ...emptyManifest('codecs'), ...state })
  await store.put('sessions/image/1.ckpt', [image])
  const written: WrittenCodec[] = []
  for (const codec of codecs) {
    const began = threadTime()
    await keepCheckpoint(store, codec, [image], { codec, pause: () => setImmediate() })
    const save = threadTime() - began
    const [data] = await store.list(`sessions/${codec}/checkpoints.ckp`)
    written.push({ save, bytes: data!.size })
  }
  return written
}

export interface RestoredCodecs {
  /** Milliseconds of all threads from the store to a decoded memory, in turns: of the image, and of each codec. */
  readonly image: readonly number[]
  readonly codecs: readonly (readonly number[])[]
}

export async function restoreCodecs({
  directory,
  codecs,
  repeats,
}: CodecsInput & { readonly repeats: number }): Promise<RestoredCodecs> {
  const store = new FileStore(join(directory, 'store'))
  const names = ['image', ...codecs]
  const times = names.map((): number[] => [])
  for (let round = -1; round < repeats; round++) {
    for (const [i, name] of names.entries()) {
      const before = process.cpuUsage()
      const { bytes } = await loadCheckpoint(store, { name, version: 0 })
      const { memories } = decodeCheckpoint(bytes).instances[0]!
      if (memories[0]!.bytes.length !== size) throw new Error('the memory has another size')
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) times[i]!.push((user + system) / 1000)
    }
  }
  return { image: times[0]!, codecs: times.slice(1) }
}

/**
 * Of four pages one of text, one of small numbers, one of pointers and one that cannot be compressed: by zstd 0.5 of its size, as
 * CPython's memory after its start.
 */
function programLike(): Uint8Array {
  const memory = new Uint8Array(size)
  const words = new Uint32Array(memory.buffer)
  let random = 1
  const next = (): number => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    return random >>> 8
  }
  const text = 'the state of a program is its memory its globals its tables and what is on its stack '
  for (let page = 0; page < size / 4096; page++) {
    const at = page * 1024
    for (let i = 0; i < 1024; i++) {
      if (page % 4 === 1) words[at + i] = next() % 1000
      else if (page % 4 === 2) words[at + i] = (i % 4 < 2 ? 0x10_0000 : 0x20_0000) + (next() % 4096) * 16
      else if (page % 4 === 3) words[at + i] = Math.imul(next(), 0x9e3779b1) ^ (next() << 13)
    }
    for (let i = 0; page % 4 === 0 && i < 4096; ) {
      const from = (next() % 12) * 7
      for (const end = Math.min(4096, i + 4 + (next() % 12)); i < end; i++)
        memory[at * 4 + i] = text.charCodeAt((from + i) % text.length)
    }
  }
  return memory
}
