// npm packages, installed when they are missing or older than the lock file.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, say } from './process.mjs'

/** Runs `npm ci` unless node_modules already answers to package-lock.json. */
export const ensureInstalled = () => {
  const installed = join(root, 'node_modules/.package-lock.json')
  const lock = join(root, 'package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  say(existsSync(installed) ? 'package-lock.json is newer than node_modules:' : 'The npm packages are not installed:')
  run('npm', ['ci', '--no-audit', '--no-fund'], { inherit: true })
}
