// Child processes for the repository's scripts: every command is printed before it runs.
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export const say = (line) => process.stderr.write(`${line}\n`)

/**
 * The Node that the person runs. npm puts node_modules/.bin first in PATH, and the devDependency `node`
 * (the newest Node, for tests) would otherwise be taken.
 */
export const machineNode = () => process.env.npm_node_execpath ?? process.execPath

/** This process's environment with `node` meaning the machine's. */
export const environment = () => {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return { ...process.env, PATH: folders.filter((each) => each !== join(root, 'node_modules/.bin')).join(delimiter) }
}

const shown = (argument) => (/^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`)

/** A command as one would type it, paths inside the repository made relative. */
export const commandLine = (command, args) => {
  const name = command === machineNode() ? 'node' : command
  return [name, ...args].map((part) => shown(part.replaceAll(`${root}/`, ''))).join(' ')
}

/**
 * Runs a command and throws with the end of its output when it fails.
 * `inherit` shows its output instead of returning it.
 */
export const run = (command, args, { cwd = root, env = environment(), inherit = false } = {}) => {
  const line = commandLine(command, args)
  say(`$ ${line.length > 400 ? `${line.slice(0, 400)} ...` : line}`)
  const outcome = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: inherit ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  })
  if (outcome.error) throw new Error(`${command} could not be started: ${outcome.error.message}`)
  if (outcome.status !== 0) {
    const tail = `${outcome.stdout ?? ''}${outcome.stderr ?? ''}`.trim().split('\n').slice(-12).join('\n')
    const head = line.length > 60 ? `${line.slice(0, 60)} ...` : line
    throw new Error(`"${head}" failed (${outcome.signal ?? `exit ${outcome.status}`})\n${tail}`)
  }
  return outcome.stdout ?? ''
}

/** Whether a command answers at all. */
export const has = (command) => !spawnSync(command, ['--version'], { stdio: 'ignore' }).error
