import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WASI } from 'node:wasi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import wabt from 'wabt'
import { openDirectory } from '../../host-node/directory.ts'
import { findRow, wasmParameters } from '../../wasm-shim/wasi/abi.ts'
import { OverlayFileSystem } from '../../wasm-shim/wasi/fs/overlay.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost } from '../support/test-host.ts'

const abi = 'wasi_snapshot_preview1'

/**
 * One call of the program, written as wat operands. `show` is the memory that the two implementations must agree on, as
 * [address, length] pairs; errno is always compared.
 */
interface Step {
  readonly call: string
  readonly args: readonly (number | bigint)[]
  readonly show?: readonly (readonly [number, number])[]
  /** Where node:wasi is no model: its answer and ours, and why. */
  readonly differs?: { readonly node: string; readonly ours: string; readonly because: string }
}

const texts = ['a.txt', 'dir', 'dir/b.txt', 'missing', 'link', 'new', '../x', 'dir/../a.txt', 'renamed', 'dir/', '']
const address = (text: string): readonly [number, number] => [4096 + texts.indexOf(text) * 64, text.length]
const iovecs = { hello: 8192, read10: 8200, two: 8208 } as const

const open = (path: string, oflags: number, rights: bigint, fdflags = 0, follow = 1): Step => ({
  call: 'path_open',
  args: [3, follow, ...address(path), oflags, rights, rights, fdflags, 0],
  show: [[0, 4]],
})

// node:wasi enforces rights: ask for what is used. fd_read, seek, tell, write, filestat_get, set_size, datasync.
const readWrite = 2n | 4n | 32n | 64n | (1n << 21n) | (1n << 22n) | 1n | 16n | 8n
const steps: readonly Step[] = [
  { call: 'args_sizes_get', args: [0, 4], show: [[0, 8]] },
  {
    call: 'args_get',
    args: [512, 600],
    show: [
      [512, 12],
      [600, 20],
    ],
  },
  { call: 'environ_sizes_get', args: [0, 4], show: [[0, 8]] },
  {
    call: 'environ_get',
    args: [512, 600],
    show: [
      [512, 8],
      [600, 20],
    ],
  },
  { call: 'clock_time_get', args: [1, 0n, 0] },
  { call: 'clock_time_get', args: [0, 0n, 0] },
  { call: 'clock_time_get', args: [17, 0n, 0] },
  { call: 'random_get', args: [512, 16] },
  { call: 'random_get', args: [512, 0] },
  { call: 'fd_prestat_get', args: [3, 0], show: [[0, 8]] },
  { call: 'fd_prestat_get', args: [4, 0] },
  { call: 'fd_prestat_dir_name', args: [3, 512, 5], show: [[512, 5]] },
  { call: 'fd_write', args: [9, iovecs.hello, 1, 0] },
  { call: 'fd_fdstat_get', args: [3, 0], show: [[0, 1]] },
  open('a.txt', 0, 2n | 4n | 32n | (1n << 21n)),
  {
    call: 'fd_read',
    args: [4, iovecs.read10, 1, 0],
    show: [
      [0, 4],
      [1024, 10],
    ],
  },
  {
    call: 'fd_read',
    args: [4, iovecs.two, 2, 0],
    show: [
      [0, 4],
      [1024, 20],
    ],
  },
  { call: 'fd_read', args: [4, iovecs.read10, 1, 0], show: [[0, 4]] },
  { call: 'fd_tell', args: [4, 0], show: [[0, 8]] },
  { call: 'fd_seek', args: [4, -3n, 2, 0], show: [[0, 8]] },
  { call: 'fd_seek', args: [4, -100n, 1, 0] },
  { call: 'fd_seek', args: [4, 0n, 7, 0] },
  {
    call: 'fd_pread',
    args: [4, iovecs.read10, 1, 2n, 0],
    show: [
      [0, 4],
      [1024, 10],
    ],
  },
  {
    call: 'fd_filestat_get',
    args: [4, 0],
    show: [
      [16, 1],
      [24, 16],
    ],
  },
  { call: 'fd_close', args: [4] },
  { call: 'fd_close', args: [4] },
  open('missing', 0, 2n),
  open('dir/../a.txt', 0, 2n),
  { call: 'fd_close', args: [4] },
  open('link', 0, 2n),
  {
    call: 'fd_read',
    args: [4, iovecs.read10, 1, 0],
    show: [
      [0, 4],
      [1024, 10],
    ],
  },
  { call: 'fd_close', args: [4] },
  open('a.txt', 2, 2n),
  open('a.txt', 1 | 4, readWrite),
  open('new', 1 | 4, readWrite),
  { call: 'fd_write', args: [4, iovecs.hello, 1, 0], show: [[0, 4]] },
  { call: 'fd_pwrite', args: [4, iovecs.hello, 1, 20n, 0], show: [[0, 4]] },
  { call: 'fd_tell', args: [4, 0], show: [[0, 8]] },
  {
    call: 'fd_filestat_get',
    args: [4, 0],
    show: [
      [16, 1],
      [24, 16],
    ],
  },
  { call: 'fd_filestat_set_size', args: [4, 7n] },
  {
    call: 'path_filestat_get',
    args: [3, 1, ...address('new'), 0],
    show: [
      [16, 1],
      [24, 16],
    ],
  },
  { call: 'fd_sync', args: [4] },
  { call: 'fd_datasync', args: [4] },
  open('dir', 2, 2n | (1n << 14n)),
  { call: 'fd_renumber', args: [4, 5] },
  { call: 'fd_tell', args: [5, 0], show: [[0, 8]] },
  { call: 'fd_close', args: [5] },
  { call: 'path_rename', args: [3, ...address('new'), 3, ...address('renamed')] },
  { call: 'path_rename', args: [3, ...address('new'), 3, ...address('renamed')] },
  { call: 'path_readlink', args: [3, ...address('a.txt'), 512, 3, 0] },
  { call: 'path_create_directory', args: [3, ...address('dir')] },
  { call: 'path_create_directory', args: [3, ...address('new')] },
  { call: 'path_remove_directory', args: [3, ...address('new')] },
  { call: 'path_remove_directory', args: [3, ...address('dir')] },
  { call: 'path_unlink_file', args: [3, ...address('renamed')] },
  { call: 'path_unlink_file', args: [3, ...address('missing')] },
  { call: 'path_link', args: [3, 0, ...address('a.txt'), 3, ...address('new')] },
  {
    call: 'path_filestat_get',
    args: [3, 0, ...address('link'), 0],
    show: [
      [16, 1],
      [32, 8],
    ],
  },
  {
    call: 'path_filestat_get',
    args: [3, 1, ...address('link'), 0],
    show: [
      [16, 1],
      [24, 16],
    ],
  },
  { call: 'path_unlink_file', args: [3, ...address('new')] },
  { call: 'sched_yield', args: [] },
  {
    call: 'path_readlink',
    args: [3, ...address('link'), 512, 3, 0],
    show: [
      [0, 4],
      [512, 3],
    ],
    differs: {
      node: '42',
      ours: '0 03000000 646972',
      because: 'readlink cuts what does not fit, in POSIX and wasmtime',
    },
  },
  {
    call: 'path_filestat_get',
    args: [3, 1, ...address(''), 0],
    differs: { node: '28', ours: '44', because: 'POSIX: an empty path names nothing' },
  },
  {
    call: 'sock_shutdown',
    args: [77, 1],
    differs: { node: '58', ours: '8', because: 'there is no such descriptor' },
  },
  {
    ...open('../x', 0, 2n),
    differs: { node: '76', ours: '63', because: 'wasmtime says EPERM for the way out' },
  },
  {
    ...open('link', 0, 2n, 0, 0),
    differs: { node: '0 04000000', ours: '32', because: 'a symlink that is not followed cannot be opened' },
  },
]

/** The program: an exported function per step, so that the errno and memory can be looked at between them. */
function programText(): string {
  const used = [...new Set(steps.map(({ call }) => call))]
  const imports = used.map((name) => {
    const params = wasmParameters(findRow(abi, name)!).join(' ')
    return `(import "${abi}" "${name}" (func $${name} (param ${params}) (result i32)))`
  })
  const functions = steps.map(({ call, args }, index) => {
    const operands = args.map((arg) => (typeof arg === 'bigint' ? `(i64.const ${arg})` : `(i32.const ${arg})`))
    return `(func (export "step${index}") (result i32) (call $${call} ${operands.join(' ')}))`
  })
  const data = texts.map((text, index) => `(data (i32.const ${4096 + index * 64}) "${text}")`)
  const word = (value: number) =>
    [0, 8, 16, 24].map((shift) => `\\${((value >>> shift) & 255).toString(16).padStart(2, '0')}`).join('')
  const vectors = [2048, 5, 1024, 10, 1024, 3, 1027, 17].map(word).join('')
  return `(module ${imports.join('\n')} (memory (export "memory") 1) ${data.join('\n')}
    (data (i32.const 2048) "hello") (data (i32.const ${iovecs.hello}) "${vectors}")
    (func (export "_start")) ${functions.join('\n')})`
}

/** What each step answered: errno and the shown bytes. */
function run(instance: WebAssembly.Instance): string[] {
  const memory = instance.exports.memory as WebAssembly.Memory
  return steps.map(({ show = [] }, index) => {
    // Both must write the same, so nothing may be left of the step before.
    new Uint8Array(memory.buffer).fill(0, 0, 2048)
    const errno = (instance.exports[`step${index}`] as () => number)()
    const bytes = errno === 0 ? show.map(([start, length]) => hex(new Uint8Array(memory.buffer, start, length))) : []
    return [errno, ...bytes].join(' ')
  })
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('the same program under node:wasi and under this kernel', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-differential-'))
  const prepare = (name: string) => {
    const root = join(directory, name)
    mkdirSync(join(root, 'dir'), { recursive: true })
    writeFileSync(join(root, 'a.txt'), 'the first file')
    writeFileSync(join(root, 'dir/b.txt'), 'b')
    symlinkSync('dir/b.txt', join(root, 'link'))
    return root
  }
  let module: WebAssembly.Module
  beforeAll(async () => {
    const parsed = (await wabt()).parseWat('program.wat', programText())
    module = new WebAssembly.Module(new Uint8Array(parsed.toBinary({}).buffer))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  const args = ['prog', 'one', 'größer']
  const env: [string, string][] = [
    ['A', '1'],
    ['LONG', 'value'],
  ]

  test.each(['host', 'overlay'] as const)('gets the same errnos and the same bytes from a mount of kind %s', (kind) => {
    const theirs = prepare(`theirs-${kind}`)
    const wasi = new WASI({ version: 'preview1', args, env: Object.fromEntries(env), preopens: { '/data': theirs } })
    const reference = new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports)
    wasi.start(reference)

    const ours = prepare(`ours-${kind}`)
    const host = createTestHost()
    const directory = openDirectory(ours)
    const fs = kind === 'host' ? directory : OverlayFileSystem.create(directory, host.clocks.realtime)
    const mount = { guest: '/data', fs, kind, source: ours, readOnly: false }
    const kernel = Kernel.create({ args, env, mounts: [mount] }, host)
    const imports: Record<string, unknown> = {}
    for (const { name } of WebAssembly.Module.imports(module)) imports[name] = kernel.link(abi, name)
    const instance = new WebAssembly.Instance(module, { [abi]: imports })
    kernel.attach(() => instance.exports.memory as WebAssembly.Memory)

    const named = (answers: readonly string[]) =>
      steps.map(({ call, args }, index) => `${index} ${call}(${args.join()}) -> ${answers[index]}`)
    const node = run(reference)
    expect(named(node)).toEqual(named(steps.map(({ differs }, index) => differs?.node ?? node[index]!)))
    expect(named(run(instance))).toEqual(named(steps.map(({ differs }, index) => differs?.ours ?? node[index]!)))
    const same = join(kind === 'host' ? theirs : prepare('untouched'), 'a.txt')
    expect(readFileSync(join(ours, 'a.txt'))).toEqual(readFileSync(same))
  })
})
