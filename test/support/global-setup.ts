import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Brings dist/ up to date: workers and the command line run from there. A failure is told and not fatal, since most
 * tests need no dist/; `npm test` builds before and stops there.
 */
export function setup(): void {
  // `npx vitest` finds the devDependency `node` first; `npm test` runs the tests on the machine's Node.
  if (process.execPath.includes('node_modules')) process.stderr.write(`Tests run on Node ${process.version}.\n`)
  const script = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  if (status !== 0) process.stderr.write(`dist/ could not be built:\n${stderr.split('\n').slice(0, 8).join('\n')}\n`)
}
