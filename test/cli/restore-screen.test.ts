// A session that is restored on a terminal finds it as it left it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'
import { hasTerminal, onTerminal } from '../support/terminal.ts'
import { titled } from '../support/titled.ts'

const lua = program('lua-eh')

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-terminal-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test.skipIf(!hasTerminal || !lua.available)(
  titled(
    'a restore on a terminal shows what it had shown',
    lua.reason ?? (hasTerminal ? undefined : 'there is no program to make a terminal'),
  ),
  async () => {
    const first = await onTerminal(
      directory,
      ['run', '--name', 'talk', lua.path, '-i'],
      [
        ['PUC-Rio', 'print("answer", 40 + 2)\n'],
        ['answer\t42', '\x1a'],
      ],
    )
    expect(first).toContain('Resume with')
    const second = await onTerminal(
      directory,
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
    // The terminal may show what is typed before the prompt that was on the screen.
    expect(lines.filter((line) => /^(> )?again$/.test(line))).toHaveLength(1)
  },
)
