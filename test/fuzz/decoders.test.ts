import { encode } from 'cborg'
import { expect, test } from 'vitest'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { decodeManifest, encodeManifest, type Manifest, manifestOf } from '../../runtime/image/manifest.ts'
import { decodeStack, encodeStack } from '../../runtime/image/stack.ts'
import { readLog } from '../../runtime/log/reader.ts'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import { loadModule, saveModule } from '../../runtime/store/checkpoints.ts'
import { type WebCrypto, webCipher } from '../../runtime/store/encryption/cipher.ts'
import { EncryptedStore } from '../../runtime/store/encryption/encrypted-store.ts'
import { decodeRecord } from '../../runtime/store/encryption/record.ts'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { removeSegments } from '../../runtime/store/retention.ts'
import { loadStart, saveStart } from '../../runtime/store/start-record.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { decodeNote, encodeNote } from '../../wasm-shim/wasi/recovery/note.ts'
import { decodeState, encodeState } from '../../wasm-shim/wasi/saved-state.ts'
import { resealImage } from '../image/reseal.ts'
import { sampleCheckpoint, tinyCheckpoint } from '../image/sample.ts'
import { logOf, typicalRecords } from '../log/sample-log.ts'
import { fuzz, fuzzTimeout, type Target } from './fuzz.ts'

const manifest: Manifest = manifestOf(sampleCheckpoint())
const images = [encodeCheckpoint(tinyCheckpoint()), encodeCheckpoint(tinyCheckpoint(), { compression: 'deflate' })]
const sha256 = '0123456789abcdef'.repeat(4)

/** Reads an image all the way down, and does with its names what a restore does. */
async function readImage(bytes: Uint8Array): Promise<void> {
  const { instances, module } = decodeCheckpoint(bytes, { maxMemory: 1 << 24 })
  for (const { memories } of instances) for (const memory of memories) memory.bytes
  const store = new MemoryStore()
  await saveModule(store, module.sha256, new Uint8Array(1))
  await loadModule(store, module.sha256)
  for (const { name } of await store.list('')) expect(name).toMatch(/^modules\/[0-9a-f]{64}\.wasm$/)
}

const state = encodeState({
  args: ['calc', '-v'],
  env: [['TZ', 'UTC']],
  mounts: [],
  fds: [],
  clocks: { monotonic: 5n, cpu: 7n },
  poll: null,
  exit: null,
  orphans: [Uint8Array.of(1, 2)],
  written: { complete: true, mounts: [] },
} as never)

const place = { mount: 0, path: 'a/b' }
const orphans = [{ fds: [3], content: Uint8Array.of(1) }]
const notes = [
  encodeNote({ kind: 'size', size: 3n }),
  encodeNote({ kind: 'opened', type: 'file', ...place } as never),
  encodeNote({ kind: 'removed', ...place, orphans }),
  encodeNote({ kind: 'renamed', from: place, to: place, ino: 5n, replaces: true, existed: true, orphans }),
]

const started = new MemoryStore()
await saveStart(started, 's', {
  id: '6b1f0e3c-0000-4000-8000-000000000001',
  module: { sha256, size: 5, name: 'a.wasm', path: '/a.wasm' },
  kernel: state,
  polls: 'default',
  time: 5,
})

const clock = () => 0n

/** A small directory tree in memory, as an image carries it. */
function savedTree(): Uint8Array {
  const fs = MemoryFileSystem.create(clock)
  fs.mkdir('a')
  fs.put('a/b', Uint8Array.of(1, 2, 3))
  fs.symlink('b', 'a/c')
  fs.link('a/b', 'd')
  return fs.save()
}

const key = new Uint8Array(32)
const cipher = await webCipher(globalThis.crypto as unknown as WebCrypto, key)
async function sealedBlobs(): Promise<Uint8Array[]> {
  const inner = new MemoryStore()
  const store = new EncryptedStore(inner, cipher, key)
  await store.put('modules/x', [new Uint8Array(100)])
  const whole = (await inner.get('modules/x'))!
  await store.append('modules/x', 50, [new Uint8Array(20)])
  return [whole, (await inner.get('modules/x'))!]
}

function checkpointFile(): MemoryCheckpoints {
  const disk = new MemoryCheckpoints()
  const file = CheckpointFile.open(disk.open(), { codec: 'deflate' })
  const bytes = new Uint8Array(3 * 4096)
  file.register('a', bytes)
  for (const value of [0, 1, 2]) {
    bytes.fill(value, 4096)
    file.saveAll()
  }
  file.close()
  return disk
}

function readCheckpointFile(data: Uint8Array, index: Uint8Array): void {
  const file = CheckpointFile.open(new MemoryCheckpoints(data, index).open({ readOnly: true }))
  file.versions()
  file.read('a', 0, { maxLength: 1 << 20 })
}

const disk = checkpointFile()
const targets: Readonly<Record<string, Target>> = {
  'an image': { samples: images, decode: readImage },
  'an image behind right checksums': { samples: images, decode: readImage, reseal: resealImage },
  'a manifest': { samples: [encodeManifest(manifest)], decode: decodeManifest },
  'a stack': {
    samples: sampleCheckpoint().stacks.map(encodeStack),
    decode: (bytes) => decodeStack(bytes, 0, 2),
  },
  'a kernel’s state': { samples: [state], decode: decodeState },
  'a note in the log': { samples: notes, decode: decodeNote },
  'a file system in memory': {
    samples: [savedTree()],
    decode: (bytes) => MemoryFileSystem.restore(bytes, clock).save(),
  },
  'a log': {
    samples: [logOf(typicalRecords(40, 1), {}, 7).bytes],
    decode: (bytes) => {
      for (const _ of readLog([bytes]));
    },
  },
  'a checkpoint file’s data': {
    samples: [disk.data.content],
    decode: (bytes) => readCheckpointFile(bytes, disk.index.content),
  },
  'a checkpoint file’s index': {
    samples: [disk.index.content],
    // It is made anew of the data.
    refuses: false,
    decode: (bytes) => readCheckpointFile(disk.data.content, bytes),
  },
  'how a session began': {
    samples: [(await started.get('sessions/s/start.cbor'))!],
    decode: async (bytes) => {
      const store = new MemoryStore()
      await store.put('sessions/s/start.cbor', [bytes])
      const start = (await loadStart(store, 's'))!
      await saveModule(store, start.module.sha256, new Uint8Array(1))
      for (const { name } of await store.list('modules/')) expect(name).toMatch(/^modules\/[0-9a-f]{64}\.wasm$/)
    },
  },
  'how a store is sealed': {
    samples: ['none', 'argon2id'].map((kdf) =>
      encode({
        format: 1,
        kdf,
        salt: new Uint8Array(16),
        memory: 65536,
        passes: 3,
        lanes: 1,
        check: new Uint8Array(28),
      }),
    ),
    decode: (bytes) => decodeRecord(bytes, 'encryption.cbor'),
  },
  'a sealed blob': {
    samples: await sealedBlobs(),
    decode: async (bytes) => {
      const inner = new MemoryStore()
      await inner.put('modules/x', [bytes])
      await new EncryptedStore(inner, cipher, key).get('modules/x')
    },
  },
}

/** Whatever it says, chunks of this session are removed, and nothing else. */
const chunkList: Target = {
  samples: [new Uint8Array(64).fill(0xab)],
  refuses: false,
  decode: async (bytes) => {
    const store = new MemoryStore()
    await store.put('modules/x', [new Uint8Array(1)])
    await store.put('sessions/other/chunks/x', [new Uint8Array(1)])
    await store.put('sessions/s/0-00000000.log', [new Uint8Array(1)])
    await store.put('sessions/s/0-00000000.log.chunks', [bytes])
    await store.put(`sessions/s/chunks/${'ab'.repeat(32)}`, [new Uint8Array(1)])
    await removeSegments(store, 's', () => true)
    const left = (await store.list('')).map(({ name }) => name)
    expect(left.filter((name) => !name.startsWith('sessions/s/chunks/'))).toEqual([
      'modules/x',
      'sessions/other/chunks/x',
    ])
  },
}

test.each(Object.entries({ ...targets, 'a list of chunks': chunkList }))(
  '%s is read or refused, whatever is in it',
  async (_, target) => {
    await fuzz(target)
  },
  fuzzTimeout,
)
