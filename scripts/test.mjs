// Everything that `npm test` means: install, build, test programs, types and style, tests.
//   node scripts/test.mjs [arguments for vitest]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installBrowsers } from './lib/browsers.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { commandLine, environment, machineNode, root, say } from './lib/process.mjs'

const report = join(root, '.cache/vitest.json')

/** Runs a step with its output on the terminal; true when it succeeded. */
const step = (args) => {
  say(`\n$ ${commandLine(machineNode(), args)}`)
  return spawnSync(machineNode(), args, { cwd: root, stdio: 'inherit', env: environment() }).status === 0
}

const tool = (path, ...args) => [join(root, 'node_modules', path), ...args]

const totals = () => {
  const read = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  const skipped = (read.numPendingTests ?? 0) + (read.numTodoTests ?? 0)
  // A file that could not even be loaded counts as one failure.
  const broken = (read.testResults ?? []).filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  )
  return { passed: read.numPassedTests ?? 0, failed: (read.numFailedTests ?? 0) + broken.length, skipped }
}

say(`Node ${process.version} (${machineNode()})`)
ensureInstalled()
installBrowsers()
const { build } = await import('./build.mjs')
await build()
const { buildPrograms } = await import('./programs.mjs')
await buildPrograms()

const checks = [
  tool('typescript/bin/tsc', '-b', 'tsconfig.browser.json', 'tsconfig.browser-test.json'),
  tool('typescript/bin/tsc', '-p', 'tsconfig.json'),
  tool('@biomejs/biome/bin/biome', 'check', '.'),
].map(step)

mkdirSync(join(root, '.cache'), { recursive: true })
rmSync(report, { force: true })
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
const tests = step(tool('vitest/vitest.mjs', 'run', ...reporters, ...process.argv.slice(2)))

const { passed, failed, skipped } = totals()
const broken = checks.filter((ok) => !ok).length
if (broken > 0) say(`\n${broken} of the checks before the tests failed, see above.`)
console.log(`\n${passed} passed, ${failed + broken} failed, ${skipped} skipped`)
process.exitCode = tests && broken === 0 && passed > 0 ? 0 : 1
