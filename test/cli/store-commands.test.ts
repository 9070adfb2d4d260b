import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import wabt from 'wabt'
import { inspectCommand } from '../../host-node/cli/commands/inspect.ts'
import { lsCommand } from '../../host-node/cli/commands/ls.ts'
import { rmCommand } from '../../host-node/cli/commands/rm.ts'
import { runCommandLine } from '../../host-node/cli/run-command-line.ts'
import { openStore } from '../../host-node/open-store.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { loadCheckpoint, saveCheckpoint, saveModule } from '../../runtime/store/checkpoints.ts'
import { encodeState } from '../../wasm-shim/wasi/saved-state.ts'

const { parseWat } = await wabt()
const moduleBytes = parseWat(
  't.wat',
  `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 1)
    (func $inner (drop (call $yield)))
    (func $outer (export "_start") (call $inner) (call $inner)))`,
).toBinary({ write_debug_names: true }).buffer
const sha256 = 'ab'.repeat(32)

let scratch = ''
let directory = ''
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'ls-'))
  directory = join(scratch, '.stasis')
})
afterEach(() => rmSync(scratch, { recursive: true }))

async function stasis(...argv: string[]) {
  let out = ''
  let err = ''
  const code = await runCommandLine([lsCommand, rmCommand, inspectCommand], [...argv, '--store', directory], {
    out: (line) => {
      out += `${line}\n`
    },
    err: (line) => {
      err += `${line}\n`
    },
    columns: 100,
    interactive: false,
    style: (_, text) => text,
  })
  return { code, out, err }
}

const kernel = encodeState({
  args: ['t'],
  env: [],
  mounts: [],
  fds: [],
  clocks: { monotonic: 0n, cpu: 0n },
  poll: null,
  exit: null,
  orphans: [],
  written: { complete: true, mounts: [] },
})

async function save(name: string, cause: string, label?: string): Promise<void> {
  const store = await openStore(`file:${directory}`)
  await saveModule(store, sha256, moduleBytes)
  const image = encodeCheckpoint({
    session: { name, id: 'id' },
    cause,
    ...(label !== undefined && { label }),
    time: 1_700_000_000_000,
    module: { sha256, size: moduleBytes.length, name: 't.wasm' },
    prelink: { version: 1, polls: 'none' },
    calls: 7,
    instances: [{ memories: [{ bytes: new Uint8Array(65_536) }], globals: new Uint32Array(0), tables: [] }],
    stacks: [
      {
        entry: { kind: 'export', name: '_start' },
        call: { import: 0, args: new Uint32Array(0) },
        // Sites are numbered by function in order: $inner has the first, $outer the two that follow.
        frames: [0, 2].map((site) => ({ instance: 0, site, words: new Uint32Array(0) })),
      },
    ],
    kernel,
  })
  await saveCheckpoint(store, name, [image])
}

test('ls of an empty store says so on stderr and is no error; as JSON it is an empty array', async () => {
  expect(await stasis('ls')).toMatchObject({ code: 0, out: '', err: expect.stringContaining('No sessions in') })
  expect(await stasis('ls', '--json')).toMatchObject({ code: 0, out: '[]\n' })
})

test('ls shows sessions with number of versions, cause of the newest, size and state', async () => {
  await save('calc', 'signal')
  await save('calc', 'request', 'lunch')
  await save('lua-1', 'interval')
  const { out } = await stasis('ls')
  const lines = out.trim().split('\n')
  expect(lines).toHaveLength(3)
  expect(lines[0]).toMatch(/^NAME +VERSIONS +NEWEST +CAUSE +SIZE +LOG +STATE$/)
  expect(lines[1]).toMatch(/^calc +2 +2023-11-1\d \d\d:\d\d:20 +request +[\d.]+ (bytes|KB) +- +suspended$/)
  expect(lines[2]).toMatch(/^lua-1 +1 /)
})

test('ls NAME shows its versions with labels, ls --json everything', async () => {
  await save('calc', 'signal')
  await save('calc', 'request', 'lunch')
  const { out } = await stasis('ls', 'calc')
  expect(out).toMatch(/calc: 2 versions, suspended/)
  expect(out).toMatch(/calc@2 .* request .* lunch/)
  expect(JSON.parse((await stasis('ls', '--json')).out)).toMatchObject([
    {
      name: 'calc',
      state: 'suspended',
      versions: [
        { version: 1, cause: 'signal' },
        { version: 2, label: 'lunch' },
      ],
    },
  ])
})

test('ls of a session that does not exist names the one that was meant, or all', async () => {
  await save('calc', 'signal')
  expect(await stasis('ls', 'clac')).toMatchObject({ code: 1, err: expect.stringContaining('Did you mean calc?') })
  expect((await stasis('ls', 'zzz')).err).toContain('There are: calc.')
})

test('a running session is shown with its process and cannot be removed', async () => {
  await save('calc', 'signal')
  const lock = await (await openStore(`file:${directory}`)).lock('calc')
  expect((await stasis('ls')).out).toContain(`running, process ${process.pid}`)
  expect(await stasis('rm', 'calc')).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_SESSION_BUSY') })
  await lock.release()
  expect(await stasis('rm', 'calc')).toMatchObject({ code: 0 })
})

test('rm removes a session with its module, or the versions meant when it was typed', async () => {
  for (let i = 0; i < 4; i++) await save('calc', 'signal')
  expect(await stasis('rm', 'calc@0', 'calc@-1', 'calc@1')).toMatchObject({ out: 'Removed calc: 3 versions.\n' })
  expect((await stasis('ls', 'calc')).out).toMatch(/calc: 1 version, suspended\n\n.*\ncalc@2/)
  expect(JSON.parse((await stasis('rm', 'calc', '--json')).out)).toEqual({ removed: [{ name: 'calc', versions: [2] }] })
  expect((await stasis('ls', '--json')).out).toBe('[]\n')
  expect(readdirSync(scratch)).toEqual([])
})

test('rm --all spares what runs; rm without names, of the unknown, and of both is refused', async () => {
  await save('a', 'signal')
  await save('b', 'signal')
  const lock = await (await openStore(`file:${directory}`)).lock('b')
  expect((await stasis('rm', '--all')).out).toBe('Removed a: 1 version.\n')
  await lock.release()
  expect((await stasis('rm')).code).toBe(2)
  expect((await stasis('rm', 'b', '--all')).code).toBe(2)
  expect((await stasis('rm', 'zzz')).code).toBe(1)
  expect((await stasis('rm', 'b@7')).code).toBe(1)
  expect((await stasis('rm', '../b')).code).toBe(2)
})

test('inspect names the functions on the stack from the module in the store', async () => {
  await save('calc', 'signal')
  const report = JSON.parse((await stasis('inspect', 'calc', '--json')).out)
  expect(report).toMatchObject({ kind: 'checkpoint', session: 'calc', version: 1, calls: 7, module: { present: true } })
  expect(report.stacks[0].call).toBe('sched_yield')
  expect(report.stacks[0].frames.map((frame: { name: string }) => frame.name)).toEqual(['inner', 'outer'])
  expect((await stasis('inspect', 'calc@1')).out).toContain('about to call sched_yield')
})

test('inspect reads modules and images from files, and says what else is no good', async () => {
  await save('calc', 'signal')
  const wasm = join(scratch, 'x.wasm')
  writeFileSync(wasm, moduleBytes)
  expect(JSON.parse((await stasis('inspect', wasm, '--json')).out)).toMatchObject({ kind: 'module', problems: [] })
  const image = join(scratch, 'image.ckpt')
  const { bytes } = await loadCheckpoint(await openStore(`file:${directory}`), { name: 'calc', version: 1 })
  writeFileSync(image, bytes)
  expect(JSON.parse((await stasis('inspect', image, '--json')).out)).toMatchObject({
    kind: 'checkpoint',
    session: 'calc',
  })
  writeFileSync(wasm, 'hello')
  expect(await stasis('inspect', wasm)).toMatchObject({ code: 1, err: expect.stringContaining('STASIS_IMAGE_FOREIGN') })
  expect(await stasis('inspect', 'no.wasm')).toMatchObject({
    code: 1,
    err: expect.stringContaining('Cannot read the module no.wasm: it does not exist.'),
  })
  expect(await stasis('inspect', 'nobody')).toMatchObject({ code: 1, err: expect.stringContaining('no session named') })
})

test('a damaged checkpoint is one sentence with its place, and is listed as damaged', async () => {
  await save('calc', 'signal')
  const file = join(directory, 'sessions/calc/checkpoints.ckp')
  // What the index tells is believed where the record is damaged: both are.
  for (const path of [file, file.replace(/ckp$/, 'cki')]) {
    const bytes = readFileSync(path)
    bytes[100] = (bytes[100] as number) ^ 1
    writeFileSync(path, bytes)
  }
  const { code, err } = await stasis('inspect', 'calc')
  expect(code).toBe(1)
  expect(err).toContain(file)
  expect(err).toContain('STASIS_CKP_DAMAGED')
  expect(err.trim().split('\n')).toHaveLength(1)
  expect((await stasis('ls')).out).toContain('damaged')
})
