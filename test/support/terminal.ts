// The command line on a terminal of its own, typed to as a person would.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
/** util-linux: runs a command on a terminal. */
const script = '/usr/bin/script'

export const hasTerminal: boolean = existsSync(script)

/** Types each line once the text before it was seen; resolves to all that the terminal showed. */
export function onTerminal(
  directory: string,
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
