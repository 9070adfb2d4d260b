// Standard input of all kinds under both classes: pipes, sockets (which Node makes for child processes), files, /dev/null.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type Implementation, implementations, nodes } from './child.ts'
import { moduleFiles, programText, start } from './guests.ts'

/** fd_read of stdin into 1024, at most `size` bytes; the count is at 40. */
const read = (size: number) => `
  (i32.store (i32.const 32) (i32.const 1024)) (i32.store (i32.const 36) (i32.const ${size}))
  (drop (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40)))`
const write = (address: number, length: string) => `
  (i32.store (i32.const 32) (i32.const ${address})) (i32.store (i32.const 36) ${length})
  (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 44)))`
/** Copies stdin to stdout until its end, `size` bytes at a time. */
const copy = (size: number) => `
  (loop $next ${read(size)} (if (i32.load (i32.const 40)) (then ${write(1024, '(i32.load (i32.const 40))')} (br $next))))`
/** poll_oneoff: stdin, and a clock of `milliseconds`; prints number, type and whether it is the end of the first event. */
const poll = (milliseconds: number) => `
  (memory.fill (i32.const 200) (i32.const 0) (i32.const 200))
  (i32.store8 (i32.const 208) (i32.const 1))
  (i32.store (i32.const 264) (i32.const 1)) (i64.store (i32.const 272) (i64.const ${milliseconds * 1_000_000}))
  (drop (call $poll_oneoff (i32.const 200) (i32.const 400) (i32.const 2) (i32.const 500)))
  (i32.store8 (i32.const 510) (i32.add (i32.const 48) (i32.load (i32.const 500))))
  (i32.store8 (i32.const 511) (select (i32.const 114) (i32.const 99) (i32.load8_u (i32.const 410))))
  (i32.store8 (i32.const 512) (select (i32.const 101) (i32.const 46) (i32.load16_u (i32.const 424))))
  ${write(510, '(i32.const 3)')}`
const imports = ['fd_read', 'fd_write', 'poll_oneoff', 'fd_fdstat_set_flags']
const program = (...body: readonly string[]) => programText(imports, start(...body))

const files = moduleFiles({
  copy: program(copy(50_000)),
  'copy-small': program(copy(3)),
  'first-line': program(read(6), write(1024, '(i32.load (i32.const 40))')),
  'poll-short': program(poll(100), poll(100)),
  'poll-then-copy': program(poll(20_000), copy(50_000), poll(20_000)),
  // fdflags nonblock; prints the errno.
  nonblock: program(
    '(drop (call $fd_fdstat_set_flags (i32.const 0) (i32.const 4)))',
    `(i32.store (i32.const 32) (i32.const 1024)) (i32.store (i32.const 36) (i32.const 10))
     (i32.store8 (i32.const 50) (i32.add (i32.const 65) (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40))))`,
    write(50, '(i32.const 1)'),
  ),
})
type Name = Parameters<typeof files.path>[0]

/** A shell line that runs a command with a pipe into which nothing comes as long as it runs. */
const silent = (command: string) =>
  `rm -f silent; mkfifo silent; sleep 30 > silent & writer=$!; ${command} < silent; kill $writer`

const script = fileURLToPath(new URL('run.mjs', import.meta.url))
const both = ['node', 'stasis'] as const

/** Arguments of node for one run. */
const command = (implementation: Implementation, name: Name): string[] => {
  const result = join(files.directory, `${implementation}.json`)
  const request = { implementation: implementations[implementation], path: files.path(name), result }
  return ['--no-warnings', script, JSON.stringify(request)]
}

describe.each(nodes)('standard input on Node $major', ({ path: node }) => {
  /** Runs in a shell, where `$RUN` is the program. */
  const shell = (implementation: Implementation, name: Name, line: string) => {
    const RUN = [node, ...command(implementation, name)].map((word) => `'${word}'`).join(' ')
    const { stdout, stderr } = spawnSync('sh', ['-c', line.replaceAll('$RUN', RUN)], {
      encoding: 'utf8',
      timeout: 30_000,
      cwd: files.directory,
    })
    return stdout + stderr
  }
  /** Runs with a socket as stdin, into which `feed` writes. */
  const socket = async (
    implementation: Implementation,
    name: Name,
    feed: (write: (text: string) => void, output: () => string) => Promise<void>,
  ) => {
    const child = spawn(node, command(implementation, name), { stdio: ['pipe', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    const closed = new Promise((resolve) => child.once('close', resolve))
    await feed(
      (text) => child.stdin.write(text),
      () => stdout,
    )
    child.stdin.end()
    await closed
    return stdout
  }

  const slow = '(printf ab; sleep 0.3; printf "cde\\n"; sleep 0.2; printf f)'
  test.each([
    ['a pipe that comes slowly', 'copy', `${slow} | $RUN`, 'abcde\nf'],
    ['a pipe, a few bytes at a time', 'copy-small', 'printf "0123456789" | $RUN', '0123456789'],
    ['a pipe that is empty', 'copy', ': | $RUN', ''],
    ['/dev/null', 'copy', '$RUN < /dev/null', ''],
    ['a closed descriptor', 'copy', '$RUN <&-', ''],
    [
      'a pipe shared with the next program',
      'first-line',
      '(printf "first\\nsecond\\n") | ($RUN; cat)',
      'first\nsecond\n',
    ],
    ['a file shared with the next program', 'first-line', '($RUN; cat) < $FILE', 'first\nsecond\n'],
    ['a poll of a pipe that stays silent', 'poll-short', silent('$RUN'), '1c.1c.'],
  ] as const)('is read as by node:wasi: %s', (_, name, line, expected) => {
    const file = join(files.directory, 'lines')
    spawnSync('sh', ['-c', `printf "first\\nsecond\\n" > ${file}`])
    for (const implementation of both)
      expect([implementation, shell(implementation, name, line.replace('$FILE', file))]).toEqual([
        implementation,
        expected,
      ])
  })

  const inTwoParts = async (write: (text: string) => void) => {
    await setTimeout(200)
    write('abc')
    await setTimeout(200)
    write('def')
  }

  test('is read from a socket as by node:wasi', async () => {
    for (const implementation of both) expect(await socket(implementation, 'copy', inTwoParts)).toBe('abcdef')
  })

  test('is polled as by node:wasi when it is a socket that stays silent', async () => {
    for (const implementation of both) {
      const output = await socket(implementation, 'poll-short', async (_, output) => {
        for (let i = 0; i < 1000 && output().length < 6; i++) await setTimeout(10)
      })
      expect(output).toBe('1c.1c.')
    }
  })

  // Under node:wasi a read after a poll gives EAGAIN instead of waiting.
  test('is read from a pipe or a socket after a poll', async () => {
    expect(shell('stasis', 'poll-then-copy', '(sleep 0.3; printf abc; sleep 0.2; printf def) | $RUN')).toBe(
      '1r.abcdef1re',
    )
    expect(await socket('stasis', 'poll-then-copy', inTwoParts)).toBe('1r.abcdef1re')
  })

  // EAGAIN is 6, which the program prints as G. node:wasi sets the flag for everybody who has the pipe.
  test('answers EAGAIN where the guest does not want to wait', () => {
    expect(shell('stasis', 'nonblock', silent('$RUN'))).toBe('G')
  })

  test('is waited for without using the processor', () => {
    const result = spawnSync(
      'sh',
      [
        '-c',
        `(sleep 1.5; printf x) | '${node}' -e '
        process.on("exit", () => process.stderr.write(String(process.cpuUsage(start).user + process.cpuUsage(start).system)))
        process.argv.splice(1, 0, "node")
        let start
        import("${implementations.stasis}").then(async ({ WASI }) => {
          start = process.cpuUsage()
          const wasi = new WASI({ version: "preview1" })
          const module = await WebAssembly.compile(require("fs").readFileSync("${files.path('copy')}"))
          wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()))
        })'`,
      ],
      { encoding: 'utf8', timeout: 30_000 },
    )
    expect(result.stdout).toBe('x')
    expect(Number(result.stderr)).toBeLessThan(400_000)
  })
})
