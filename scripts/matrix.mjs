// The matrix of hosts, the long form: every program from every host to every other one, at several seeded calls each.
//   npm run test:matrix -- [--seed N]
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installBrowsers } from './lib/browsers.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { environment, machineNode, root } from './lib/process.mjs'

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' } } })
ensureInstalled()
installBrowsers()
if (!existsSync(join(root, '.cache/programs/manifest.json'))) {
  const { buildPrograms } = await import('./programs.mjs')
  await buildPrograms()
}
const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/browser/matrix.test.ts']
const env = { ...environment(), MATRIX: 'full', MATRIX_SEED: values.seed }
process.exitCode = spawnSync(machineNode(), args, { cwd: root, stdio: 'inherit', env }).status ?? 1
