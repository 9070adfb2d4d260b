import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Brings dist/ up to date: workers and the command line run from there. */
export function setup(): void {
  const script = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url))
  execFileSync(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] })
}
