// A session that is restored on a terminal finds it as it left it.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'

const command = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
/** util-linux: runs a command on a terminal of its own. */
const script = '/usr/bin/script'
const lua = program('lua-eh')

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-terminal-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Types each line once the text before it was seen; resolves to all that the terminal showed. */
function onTerminal(
  words: readonly string[],
  typed: readonly (readonly [after: string, keys: string])[],
): Promise<string> {
  const line = [process.execPath, command, ...words].join(' ')
  const child = spawn(script, ['-qec', line, '/dev/null'], { cwd: directory, stdio: ['pipe', 'pipe', 'inherit'] })
  let shown = ''
  let next = 0
  child.stdout.on('data', (bytes: Buffer) => {
    shown += bytes.toString()
    const [after, keys] = typed[next] ?? []
    if (after === undefined || keys === undefined || !shown.includes(after)) return
    next++
    child.stdin.write(keys)
  })
  return new Promise((resolve) => child.on('close', () => resolve(shown)))
}

test.skipIf(!existsSync(script) || !lua.available)('a restore on a terminal shows what it had shown', async () => {
  const first = await onTerminal(
    ['run', '--name', 'talk', lua.path, '-i'],
    [
      ['PUC-Rio', 'print("answer", 40 + 2)\n'],
      ['answer\t42', '\x1a'],
    ],
  )
  expect(first).toContain('Resume with')
  const second = await onTerminal(
    ['restore', 'talk'],
    [
      ['answer\t42\r\n', 'print("again")\n'],
      ['again\r\n', '\x04'],
    ],
  )
  const lines = second.split('\r\n')
  expect(lines[0]).toContain('PUC-Rio')
  expect(lines.filter((line) => line.includes('print("answer"'))).toHaveLength(1)
  expect(lines).toContain('answer\t42')
  expect(lines).toContain('again')
})
