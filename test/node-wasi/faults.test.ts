// Where node:wasi is no model: what it does, and what ours does instead (docs/node-wasi.md has the list).
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodes, runProgram } from './child.ts'
import { moduleFiles, programText, start } from './guests.ts'

/** A program that exits with the errno of one call. */
const errnoOf = (name: string, ...args: readonly (number | bigint)[]) => {
  const operands = args.map((arg) => (typeof arg === 'bigint' ? `(i64.const ${arg})` : `(i32.const ${arg})`))
  return programText([name, 'proc_exit'], start(`(call $proc_exit (call $${name} ${operands.join(' ')}))`))
}

const errno = { success: 0, inval: 28, notsock: 57, notsup: 58 } as const

/** One clock subscription at 0: 50 ms from now as an absolute time of the clock. The event is written to 100. */
const absolute = (clock: number) =>
  programText(
    ['clock_time_get', 'poll_oneoff', 'proc_exit'],
    start(
      `(drop (call $clock_time_get (i32.const ${clock}) (i64.const 0) (i32.const 512)))
       (i32.store (i32.const 16) (i32.const ${clock}))
       (i64.store (i32.const 24) (i64.add (i64.load (i32.const 512)) (i64.const 50000000)))
       (i32.store16 (i32.const 40) (i32.const 1))
       (drop (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 400)))
       (drop (call $clock_time_get (i32.const ${clock}) (i64.const 0) (i32.const 520)))`,
      // Milliseconds that it took.
      `(call $proc_exit (i32.wrap_i64
         (i64.div_u (i64.sub (i64.load (i32.const 520)) (i64.load (i32.const 512))) (i64.const 1000000))))`,
    ),
  )

const unstable = 'wasi_unstable'
/** Exits with 100 * errno + the offset after a seek to 3 from the start, which wasi_unstable calls 2. */
const seekUnstable = programText(
  ['path_open', 'fd_seek', 'proc_exit'],
  start(
    `(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 9) (i32.const 0)
       (i64.const 0x3e) (i64.const 0) (i32.const 0) (i32.const 200)))
     (i32.store (i32.const 212)
       (call $fd_seek (i32.load (i32.const 200)) (i64.const 3) (i32.const 2) (i32.const 216)))
     (call $proc_exit (i32.add (i32.mul (i32.load (i32.const 212)) (i32.const 100)) (i32.load (i32.const 216))))`,
  ),
  { 128: 'dir/f.txt' },
  unstable,
)
/** Exits with a file's size from where wasi_unstable has it: its nlink takes four bytes, so that it stands at 24. */
const sizeUnstable = programText(
  ['path_filestat_get', 'proc_exit'],
  start(
    `(drop (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 9) (i32.const 512)))
     (call $proc_exit (i32.load (i32.const 536)))`,
  ),
  { 128: 'dir/f.txt' },
  unstable,
)

/** Exits with 1 when a relative timeout of 50 ms, as wasi_unstable lays it out, was waited for. */
const pollUnstable = programText(
  ['clock_time_get', 'poll_oneoff', 'proc_exit'],
  start(
    `(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 512)))
     (i32.store (i32.const 24) (i32.const 1)) (i64.store (i32.const 32) (i64.const 50000000))
     (drop (call $poll_oneoff (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 400)))
     (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 520)))`,
    `(call $proc_exit (i64.ge_u (i64.sub (i64.load (i32.const 520)) (i64.load (i32.const 512))) (i64.const 50000000)))`,
  ),
  {},
  unstable,
)

const catchAll = programText(
  ['proc_exit'],
  start('(try (do (call $proc_exit (i32.const 3))) (catch_all (call $proc_exit (i32.const 7))))'),
)
const programs = {
  'no environment': errnoOf('environ_get', 16, 64),
  'no arguments': errnoOf('args_get', 16, 64),
  'absolute monotonic time': absolute(1),
  'absolute time of day': absolute(0),
  'seek of wasi_unstable': seekUnstable,
  'filestat of wasi_unstable': sizeUnstable,
  'subscription of wasi_unstable': pollUnstable,
  'exit within catch_all': catchAll,
  'many subscriptions': errnoOf('poll_oneoff', 0, 0, 0x4000_0000, 40),
  'many vectors': errnoOf('fd_write', 1, 0, 0x2000_0000, 40),
  'sock_accept of no socket': errnoOf('sock_accept', 0, 0, 100),
  'sock_recv of no socket': errnoOf('sock_recv', 0, 0, 1, 0, 100, 104),
  'proc_raise of abort': errnoOf('proc_raise', 6),
}
type Name = keyof typeof programs
const files = moduleFiles(programs)

interface Fault {
  readonly name: Name
  /** What node:wasi's `start` returns, or the signal that ends its process. */
  readonly node: number | string
  readonly ours: number
}

const faults: readonly Fault[] = [
  { name: 'no environment', node: errno.inval, ours: errno.success },
  { name: 'no arguments', node: errno.inval, ours: errno.success },
  { name: 'seek of wasi_unstable', node: 11, ours: 3 },
  { name: 'filestat of wasi_unstable', node: 1, ours: 8 },
  { name: 'subscription of wasi_unstable', node: 0, ours: 1 },
  { name: 'exit within catch_all', node: 7, ours: 3 },
  { name: 'many subscriptions', node: 'SIGABRT', ours: errno.inval },
  { name: 'sock_accept of no socket', node: 'SIGSEGV', ours: errno.notsock },
  { name: 'sock_recv of no socket', node: 'SIGSEGV', ours: errno.notsock },
  { name: 'proc_raise of abort', node: 'SIGABRT', ours: errno.notsup },
]

describe.each(nodes)('a fault of node:wasi on Node $major', ({ path: node }) => {
  const request = (name: Name) => {
    mkdirSync(join(files.directory, 'dir'), { recursive: true })
    writeFileSync(join(files.directory, 'dir/f.txt'), '8 bytes.')
    return { path: files.path(name), options: { preopens: { '/': files.directory } } }
  }
  const ours = (name: Name) => runProgram(node, 'stasis', request(name)).outcome

  test.each(faults)('is not ours: $name', ({ name, node: theirs, ours: expected }) => {
    const { signal, outcome } = runProgram(node, 'node', request(name))
    expect(signal ?? outcome?.returned).toBe(theirs)
    expect(ours(name)).toEqual({ returned: expected })
  })

  // node:wasi waits for as long as the machine is up, or for the years since 1970.
  test.each(['absolute monotonic time', 'absolute time of day'] as const)('is not ours: %s', (name) => {
    const took = ours(name)?.returned
    expect(took).toBeGreaterThanOrEqual(50)
    expect(took).toBeLessThan(2000)
  })

  // node:wasi takes gigabytes for it.
  test('is not ours: many vectors', () => expect(ours('many vectors')).toEqual({ returned: errno.inval }))
})
