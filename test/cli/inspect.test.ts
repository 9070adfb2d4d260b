import { expect, test } from 'vitest'
import wabt from 'wabt'
import { reportModule } from '../../host-node/cli/inspect/module-report.ts'
import { printCheckpoint } from '../../host-node/cli/inspect/print-checkpoint.ts'
import { printModule } from '../../host-node/cli/inspect/print-module.ts'
import type { Terminal } from '../../host-node/cli/terminal.ts'
import type { Checkpoint } from '../../runtime/image/model.ts'
import { type CheckpointSource, reportCheckpoint } from '../../runtime/inspect/checkpoint-report.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { encodeState } from '../../wasm-shim/wasi/saved-state.ts'
import type { Descriptor } from '../../wasm-shim/wasi/state.ts'
import { gcGuest } from '../support/gc-guest.ts'

const { parseWat } = await wabt()

function assemble(text: string): Uint8Array {
  const features = { simd: true, bulk_memory: true, reference_types: true, multi_value: true, exceptions: true }
  return parseWat('t.wat', text, { ...features, tail_call: true }).toBinary({}).buffer
}

const terminal: Terminal = { out: () => {}, err: () => {}, columns: 80, interactive: false, style: (_, text) => text }

const command = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 4)
  (global (mut i32) (i32.const 0))
  (global i32 (i32.const 0))
  (func (export "_start") (drop (i32.extend8_s (i32.const 1)))))`

test('a module’s memory, imports, exports, globals, features and kind are reported', () => {
  const report = reportModule('t.wasm', assemble(command), () => {})
  expect(report).toMatchObject({
    entry: 'command',
    functions: { imported: 1, defined: 1 },
    memories: [{ min: 2, max: 4, imported: false }],
    globals: { mutable: 1, constant: 1 },
    features: ['sign extension'],
    imports: [{ module: 'wasi_snapshot_preview1', name: 'fd_write', kind: 'func', known: true }],
    problems: [],
  })
  expect(printModule(report, terminal)).toContain('Can be run, frozen and resumed. Try: stasis run t.wasm')
})

test.each([
  ['saturating conversion', '(func (drop (i32.trunc_sat_f32_s (f32.const 1))))'],
  ['bulk memory', '(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))'],
  ['reference types', '(table 1 externref) (func (drop (table.size 0)))'],
  ['SIMD', '(func (drop (v128.const i32x4 0 0 0 0)))'],
  ['tail calls', '(func $f (return_call $f))'],
  ['exceptions (legacy)', '(tag $t) (func try throw $t catch_all end)'],
  ['multi-value', '(func (result i32 i32) (i32.const 0) (i32.const 0))'],
])('the feature %s is recognised', (feature, text) => {
  expect(reportModule('t.wasm', assemble(`(module ${text})`), () => {}).features).toContain(feature)
})

test('imports that stasis does not provide, and what the pre-linker refuses, are problems', () => {
  const text = `(module (import "env" "magic" (func)) (import "wasi_snapshot_preview1" "fd_wrote" (func))
    (import "env" "memory" (memory 1)) (func (export "_initialize")))`
  const report = reportModule('t.wasm', assemble(text), () => {
    throw new StasisError('STASIS_MODULE_UNSUPPORTED', 'The module uses garbage collection.')
  })
  expect(report.entry).toBe('reactor')
  expect(report.problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
    expect.stringContaining('STASIS_IMPORT_UNKNOWN It imports the function env.magic'),
    expect.stringContaining('wasi_snapshot_preview1.fd_wrote'),
    expect.stringContaining('the memory env.memory'),
  ])
  expect(report.refusal).toEqual({
    code: 'STASIS_MODULE_UNSUPPORTED',
    message: 'The module uses garbage collection.',
  })
  expect(printModule(report, terminal)).toContain('Cannot be run and frozen as it is:')
})

test('a module with garbage collection is read from outside, and runs log-only where the host can run it', () => {
  const report = reportModule('gc.wasm', gcGuest(), prelink)
  expect(report).toMatchObject({
    entry: 'command',
    engine: 'log-only',
    functions: { imported: 3, defined: 2 },
    memories: [{ min: 1, max: null, imported: false }],
    features: ['garbage collection'],
    refusal: { code: 'STASIS_MODULE_UNSUPPORTED' },
  })
  const isRunnable = WebAssembly.validate(gcGuest())
  expect(report.problems.map(({ code }) => code)).toEqual(isRunnable ? [] : ['STASIS_MODULE_INVALID'])
  const printed = printModule(report, terminal).replaceAll(/\s+/g, ' ')
  if (isRunnable) expect(printed).toContain('Can be run, without checkpoints.')
  expect(printed).toContain(isRunnable ? 'refuses it: The WebAssembly module uses garbage' : 'cannot run it either')
})

test('a module without an entry cannot be run', () => {
  expect(reportModule('t.wasm', assemble('(module)'), () => {}).problems.map((problem) => problem.code)).toEqual([
    'STASIS_NO_ENTRY',
  ])
})

function source(frames: number): CheckpointSource {
  const identity = { ino: 1n, size: 9n, mtim: 0n }
  const file = { kind: 'file', type: 'file', read: true, write: false, flags: 0, offset: 7, deleted: false } as const
  const preopen = { kind: 'directory', path: '', flags: 0, deleted: false, listing: null } as const
  const stream = (stream: 0 | 1 | 2): Descriptor => ({ kind: 'stream', stream, flags: 0 })
  const kernel = encodeState({
    args: ['calc', 'a b'],
    env: [['SECRET', 'xyzzy']],
    mounts: [
      { guest: '/data', kind: 'host', source: './my data', readOnly: true, content: null },
      { guest: '/tmp', kind: 'memory', source: null, readOnly: false, content: new Uint8Array(0) },
    ],
    fds: [
      ...[stream(0), stream(1), stream(2)].map((descriptor) => ({ descriptor, identity: null, orphan: null })),
      { descriptor: { ...preopen, mount: 0, preopen: '/data' }, identity: null, orphan: null },
      { descriptor: { ...file, mount: 0, path: 'in/x.csv' }, identity, orphan: null },
      null,
      { descriptor: { ...file, mount: 1, path: 'y', write: true, flags: 1 }, identity, orphan: null },
      {
        descriptor: { ...file, mount: 0, path: 'gone', deleted: true },
        identity: { ...identity, size: 1n << 30n },
        orphan: null,
      },
    ],
    clocks: { monotonic: 0n, cpu: 0n },
    poll: null,
    exit: null,
    orphans: [],
    written: { complete: true, mounts: [[], []] },
  })
  const checkpoint: Checkpoint = {
    session: { name: 'calc', id: 'id' },
    cause: 'signal',
    label: 'before \u001b[2Jlunch',
    time: 1_700_000_000_000,
    module: { sha256: 'ab', size: 1000, name: 'calc.wasm' },
    prelink: { version: 1, polls: 'default' },
    calls: 12_345,
    instances: [{ memories: [{ bytes: new Uint8Array(65_536) }], globals: new Uint32Array(3), tables: [undefined] }],
    stacks: [
      {
        entry: { kind: 'export', name: '_start' },
        call: { import: 0, args: new Uint32Array(4) },
        frames: Array.from({ length: frames }, (_, site) => ({ instance: 0, site, words: new Uint32Array(2) })),
      },
    ],
    kernel,
  }
  const names = {
    functionOfSite: (site: number) => (site === 1 ? { index: 12 } : { index: site, name: `f${site}` }),
    importName: () => 'fd_read',
  }
  return { checkpoint, version: 3, location: '.stasis/calc/3.ckpt', size: 4321, names }
}

test('a checkpoint’s stack has function names, and each descriptor says whether it moves', () => {
  const report = reportCheckpoint(source(3))
  expect(report.stacks).toEqual([
    {
      entry: '_start',
      call: 'fd_read',
      frames: [
        { function: 0, name: 'f0', site: 0, words: 2 },
        { function: 12, name: null, site: 1, words: 2 },
        { function: 2, name: 'f2', site: 2, words: 2 },
      ],
    },
  ])
  expect(report.descriptors.map(({ fd, type, path, moves }) => [fd, type, path, moves])).toEqual([
    [0, 'stdin', undefined, 'moves if granted'],
    [1, 'stdout', undefined, 'moves if granted'],
    [2, 'stderr', undefined, 'moves if granted'],
    [3, 'directory', '/data', 'moves if granted'],
    [4, 'file', '/data/in/x.csv', 'moves if granted'],
    [6, 'file', '/tmp/y', 'moves'],
    [7, 'file', '/data/gone', 'does not move'],
  ])
  expect(report.grants).toEqual(['./my data::/data:ro'])
})

test('a printed checkpoint shows what a person asks for, no secrets, and moves no cursor', () => {
  const text = printCheckpoint(reportCheckpoint(source(3)), terminal)
  for (const part of [
    'calc@3',
    "calc 'a b'",
    '12,345 made before it',
    '65.5 KB, of which 0 bytes are not zero',
    'Stack: 3 frames from _start, about to call fd_read',
    '0  f0',
    '1  function 12',
    "To be granted on restore: --dir './my data::/data:ro'",
    'Descriptor 7 does not move, because it was deleted',
    'read, write, append, at 7',
  ])
    expect(text).toContain(part)
  expect(text).not.toContain('xyzzy')
  expect(text).not.toContain('\u001b')
})

test('of a deep stack both ends are shown', () => {
  const text = printCheckpoint(reportCheckpoint(source(5000)), terminal)
  expect(text).toContain('4,960 frames more')
  expect(text).toContain('4999  f4999')
  expect(text.split('\n').length).toBeLessThan(80)
})
