import type { Checkpoint } from '../../runtime/image/model.ts'

/** A small checkpoint with one of everything that an image can hold. */
export function sampleCheckpoint(): Checkpoint {
  const memory = new Uint8Array(3 * 65536)
  memory.set([1, 2, 3, 255], 0)
  memory.set([9], 65536 + 4096)
  memory[memory.length - 1] = 7
  return {
    session: { name: 'calc', id: '6b1f0e3c-0000-4000-8000-000000000001' },
    cause: 'request',
    label: 'before lunch: ½ ✓',
    time: 1_763_772_000_123,
    module: { sha256: '0123456789abcdef'.repeat(4), size: 26_000_000, name: 'python.wasm' },
    prelink: { version: 3, polls: 'default' },
    calls: 1190,
    instances: [
      {
        memories: [{ bytes: memory }, { bytes: new Uint8Array(65536) }],
        globals: Uint32Array.of(66560, 0, 0xffff_ffff, 0x7ff8_0001),
        tables: [undefined, Uint32Array.of(0, 5, 0, 1190)],
      },
      { memories: [], globals: new Uint32Array(0), tables: [] },
    ],
    stacks: [
      {
        entry: { kind: 'export', name: '_start' },
        call: { import: 4, args: Uint32Array.of(1, 1024, 2, 0x10) },
        frames: [
          { instance: 0, site: 64_850, words: Uint32Array.of(7, 0, 0xffff_fff0) },
          { instance: 1, site: 0, words: new Uint32Array(0) },
        ],
      },
      { entry: { kind: 'start' }, call: { import: -1, args: new Uint32Array(0) }, frames: [] },
    ],
    kernel: new TextEncoder().encode('kernel state'),
  }
}

/** Small enough to be cut and mutated thousands of times. */
export function tinyCheckpoint(): Checkpoint {
  const sample = sampleCheckpoint()
  const memory = new Uint8Array(8192)
  memory.fill(0x5a, 8000, 8192)
  const state = { memories: [{ bytes: memory.subarray(0, 8100) }], globals: Uint32Array.of(1), tables: [undefined] }
  const frames = [{ instance: 0, site: 1, words: Uint32Array.of(7) }]
  const stack = { ...sample.stacks[0]!, frames }
  return { ...sample, instances: [state], stacks: [stack], kernel: Uint8Array.of(1, 2, 3) }
}
