// npm packages, installed when they are missing or are not those of the lock file.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, say } from './process.mjs'

const packagesOf = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages

/** Compares versions, not times: a fresh checkout of the same lock file needs no new installation. */
const problem = () => {
  const record = 'node_modules/.package-lock.json'
  if (!existsSync(join(root, record))) return 'The npm packages are not installed yet.'
  const installed = packagesOf(record)
  const differs = Object.entries(packagesOf('package-lock.json')).some(([path, { version, optional, devOptional }]) => {
    if (path === '') return false
    const here = installed[path]
    // Optional packages are those of other platforms.
    return here ? here.version !== version : !optional && !devOptional
  })
  return differs ? 'The npm packages installed are not those of package-lock.json.' : undefined
}

/** Runs `npm ci` unless node_modules already answers to package-lock.json. */
export const ensureInstalled = () => {
  const reason = problem()
  if (!reason) return
  say(reason)
  run('npm', ['ci', '--no-audit', '--no-fund'], { inherit: true })
}
