import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { UsageError } from './usage-error.ts'

/** Asks on the terminal, whatever stdin is; undefined where there is none, or nothing was typed. */
export function askPassphrase(url: string, isNew: boolean): string | undefined {
  let terminal: number
  try {
    terminal = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  try {
    const passphrase = ask(terminal, `Passphrase for ${url}: `)
    if (isNew && passphrase !== '' && ask(terminal, 'The same again: ') !== passphrase)
      throw new UsageError('The two passphrases differ.')
    return passphrase || undefined
  } finally {
    closeSync(terminal)
  }
}

/** One line, which is not shown. */
function ask(terminal: number, question: string): string {
  const stty = (mode: string) => spawnSync('stty', [mode], { stdio: [terminal, 'ignore', 'ignore'] })
  writeSync(terminal, question)
  stty('-echo')
  try {
    const line: number[] = []
    const byte = new Uint8Array(1)
    while (readSync(terminal, byte) === 1 && byte[0] !== 10) line.push(byte[0]!)
    return Buffer.from(line).toString('utf8')
  } finally {
    stty('echo')
    writeSync(terminal, '\n')
  }
}
