// `npm test` runs on the machine's Node, where SQLite may be better-sqlite3: the suite once more on Node's own.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { newestNode } from '../support/nodes.ts'
import { withoutNewest } from '../support/on-newest.ts'
import { titled } from '../support/titled.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const reason = withoutNewest() ?? (newestNode() === process.execPath ? 'these tests run on it already' : undefined)

test.skipIf(reason)(titled('the SQLite store passes the suite on the newest Node', reason), () => {
  const args = ['node_modules/vitest/vitest.mjs', 'run', 'test/store/sqlite-store.test.ts', '-t', 'SQLite store']
  const { status, stdout, stderr } = spawnSync(newestNode(), args, {
    cwd: root,
    encoding: 'utf8',
  })
  expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' })
})
