// Pre-linked programs captured under WASI: gone on with in place, and in other processes.
import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { WASI } from '../../host-node/wasi/wasi.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { caseNamed, expectedOutcome } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { implementations, nodes, runScript } from './child.ts'
import { assemble, programText, start } from './guests.ts'

const directory = mkdtempSync(join(tmpdir(), 'stasis-checkpoints-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** Calls between checkpoints, in one process and in several. */
const legs = [
  { name: 'lua-closures', every: 10, apart: 40 },
  { name: 'sqlite-shop', every: 40, apart: 0 },
  { name: 'cpython-session', every: 700, apart: 1200 },
  { name: 'echo-lines', every: 3, apart: 0 },
] as const

describe.each(nodes)('a pre-linked program under WASI on Node $major', ({ path: node }) => {
  describe.each(legs)('$name', ({ name, every, apart }) => {
    const each = caseNamed(name)
    const { available, reason, path, argv0 } = program(each.program)
    const why = available ? '' : `: ${reason}`
    const request = (mounts: readonly { guest: string; host: string }[]) => ({
      stasis: implementations.stasis,
      prelink: new URL('../../dist/prelink.js', import.meta.url).href,
      path,
      options: {
        args: [argv0, ...each.args],
        env: each.env,
        preopens: Object.fromEntries(mounts.map(({ guest, host }) => [guest, host])),
      },
      image: join(directory, 'image'),
    })
    const leg = (given: object, stdin: string) => runScript(node, 'checkpoint-run.mjs', [JSON.stringify(given)], stdin)

    test.skipIf(!available)(`goes on in place after every checkpoint${why}`, () => {
      const prepared = prepare(each)
      try {
        const { status, stdout, stderr } = leg({ ...request(prepared.mounts), every }, each.stdin)
        const report = JSON.parse(stderr.slice(stderr.lastIndexOf('{'))) as { code: number; taken: number; log: string }
        const expected = expectedOutcome(each)
        expect(status).toBe(0)
        expect(report.taken).toBeGreaterThan(1)
        expect(report.log).toBe('recorded')
        expect({
          ...expected,
          exitCode: report.code,
          stdout,
          stderr: expected.stderr,
          files: prepared.files(),
        }).toEqual(expected)
      } finally {
        prepared.dispose()
      }
    })

    // Where there is input, the first process has taken it.
    if (apart === 0) return
    test.skipIf(!available)(`goes on in a new process after every checkpoint${why}`, () => {
      const prepared = prepare(each)
      try {
        const given = { ...request(prepared.mounts), every: apart, stop: true }
        let output = ''
        let processes = 1
        let last = leg(given, '')
        for (; last.status === 75; processes++) {
          output += last.stdout
          last = leg({ ...given, restore: given.image }, '')
        }
        const expected = expectedOutcome(each)
        expect(last.stderr).toContain(`"code":${expected.exitCode}`)
        expect(last.stderr).toContain('"log":"absent"')
        expect(processes).toBeGreaterThan(1)
        expect(output + last.stdout).toBe(expected.stdout)
        expect(prepared.files()).toEqual(expected.files)
      } finally {
        prepared.dispose()
      }
    })
  })
})

describe('checkpoints', async () => {
  const text = programText(
    ['sched_yield', 'proc_exit'],
    `${start(
      '(local $i i32) (loop $next (drop (call $sched_yield)) (local.set $i (i32.add (local.get $i) (i32.const 1)))',
      '(br_if $next (i32.lt_u (local.get $i) (i32.const 10)))) (call $proc_exit (local.get $i))',
    )}`,
  )
  const original = await assemble(text)
  const module = new WebAssembly.Module(prelink(original).bytes)
  const images: Uint8Array[] = []
  const make = (options: object = {}) =>
    new WASI({
      version: 'preview1',
      checkpoints: { original, onCheckpoint: (image) => images.push(image), ...options },
    })
  const instantiate = (wasi: WASI, of: WebAssembly.Module = module) =>
    new WebAssembly.Instance(of, wasi.getImportObject(of))
  const codeOf = (call: () => unknown): unknown => {
    try {
      return call()
    } catch (error) {
      return (error as { code?: string }).code
    }
  }

  test('are images like those of sessions, at the first call', () => {
    const wasi = make()
    wasi.checkpoint()
    expect(wasi.start(instantiate(wasi))).toBe(10)
    expect(images).toHaveLength(1)
    const { calls, module: of, stacks } = decodeCheckpoint(images[0]!)
    expect([calls, of.size, stacks.length]).toEqual([0, original.length, 1])
    const again = make({ restore: images[0] })
    expect(again.start(instantiate(again))).toBe(10)
  })

  test('of which none is asked for leave the program alone, and its calls are recorded', () => {
    const wasi = make()
    expect(wasi.start(instantiate(wasi))).toBe(10)
    expect(wasi.callLog).toMatchObject({ kind: 'recorded', calls: 11 })
  })

  test('are refused where they cannot be', () => {
    const plain = new WASI({ version: 'preview1' })
    expect(codeOf(() => plain.checkpoint())).toBe('STASIS_OPTION')
    expect(codeOf(() => plain.start(instantiate(plain)))).toBe('STASIS_OPTION')
    expect(codeOf(() => make().getImportObject(new WebAssembly.Module(original)))).toBe('STASIS_PRELINK_MISSING')
    const unknowing = make()
    const instance = new WebAssembly.Instance(module, unknowing.getImportObject())
    expect(codeOf(() => unknowing.start(instance))).toBe('STASIS_OPTION')
    const unlinked = make()
    unlinked.getImportObject(module)
    const unmodified = new WebAssembly.Instance(new WebAssembly.Module(original), unlinked.getImportObject())
    expect(codeOf(() => unlinked.start(unmodified))).toBe('STASIS_PRELINK_MISSING')
    expect(codeOf(() => make({ original: 5 }))).toBe('STASIS_OPTION')
    expect(codeOf(() => make({ when: 5 }))).toBe('STASIS_OPTION_UNKNOWN')
    expect(codeOf(() => make({ restore: new Uint8Array(100) }))).toBe('STASIS_IMAGE_FOREIGN')
    expect(codeOf(() => make({ restore: images[0], original: prelink(original).bytes }))).toBe(
      'STASIS_MODULE_DIFFERENT',
    )
    const otherPolls = new WebAssembly.Module(prelink(original, { polls: 'all' }).bytes)
    expect(codeOf(() => make({ restore: images[0] }).getImportObject(otherPolls))).toBe('STASIS_PRELINK_VERSION')
  })

  test('are not taken while JavaScript has called the guest back, but afterwards', async () => {
    const nested = await assemble(
      programText(
        ['sched_yield', 'fd_close', 'proc_exit'],
        `(func (export "inner") (drop (call $sched_yield)))
         ${start('(drop (call $fd_close (i32.const 99)))', '(drop (call $sched_yield))', '(call $proc_exit (i32.const 4))')}`,
      ),
    )
    const prelinked = new WebAssembly.Module(prelink(nested).bytes)
    for (const isTold of [true, false]) {
      const refusals: unknown[] = []
      const taken: Uint8Array[] = []
      const onRefused = isTold ? { onRefused: (reason: { code: string }) => refusals.push(reason.code) } : {}
      const onCheckpoint = (image: Uint8Array) => taken.push(image)
      const wasi = make({ original: nested, onCheckpoint, ...onRefused })
      const own = wasi.getImportObject(prelinked).wasi_snapshot_preview1!
      // Called again after a checkpoint, since the call is made again.
      let called = 0
      const fd_close = (fd: number) => {
        if (called++ === 0) wasi.checkpoint()
        ;(instance.exports.inner as () => void)()
        return (own.fd_close as (fd: number) => number)(fd)
      }
      const instance = new WebAssembly.Instance(prelinked, { wasi_snapshot_preview1: { ...own, fd_close } })
      expect(wasi.start(instance)).toBe(4)
      expect(refusals).toEqual(isTold ? ['STASIS_CAPTURE_HOST_FRAME'] : [])
      expect([called, taken.length]).toEqual(isTold ? [1, 0] : [2, 1])
    }
  })

  test('carry the input that a poll has taken ahead', async () => {
    // A byte is taken by poll_oneoff, and read by the program after it was restored.
    const reading = await assemble(
      programText(
        ['poll_oneoff', 'fd_read', 'sched_yield', 'proc_exit'],
        start(
          '(i32.store8 (i32.const 8) (i32.const 1))',
          '(drop (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 400)))',
          '(drop (call $sched_yield))',
          '(i32.store (i32.const 500) (i32.const 600)) (i32.store (i32.const 504) (i32.const 1))',
          '(drop (call $fd_read (i32.const 0) (i32.const 500) (i32.const 1) (i32.const 400)))',
          '(call $proc_exit (i32.load8_u (i32.const 600)))',
        ),
      ),
    )
    const prelinked = new WebAssembly.Module(prelink(reading).bytes)
    const fifo = join(directory, 'fifo')
    spawnSync('mkfifo', [fifo])
    const stdin = openSync(fifo, constants.O_RDWR)
    writeSync(stdin, 'xy')
    const taken: Uint8Array[] = []
    const run = (restore?: Uint8Array) => {
      const checkpoints = {
        original: reading,
        onCheckpoint: (image: Uint8Array) => taken.push(image),
        ...(restore && { restore }),
      }
      const wasi = new WASI({ version: 'preview1', stdin, checkpoints })
      const { wasi_snapshot_preview1: own } = wasi.getImportObject(prelinked)
      const sched_yield = () => {
        wasi.checkpoint()
        return (own!.sched_yield as () => number)()
      }
      return wasi.start(new WebAssembly.Instance(prelinked, { wasi_snapshot_preview1: { ...own, sched_yield } }))
    }
    expect(run()).toBe('x'.charCodeAt(0))
    expect(Buffer.from(decodeCheckpoint(taken[0]!).input!).toString()).toBe('x')
    expect(run(taken[0])).toBe('x'.charCodeAt(0))
    closeSync(stdin)
  })
})
