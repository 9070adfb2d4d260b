// `npm test` runs on the machine's Node, which may not write zstd: what is written once more on the newest.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { nodeCompression } from '../../host-node/compression.ts'
import { newestNode } from '../support/nodes.ts'
import { withoutNewest } from '../support/on-newest.ts'
import { titled } from '../support/titled.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const reason = withoutNewest() ?? (nodeCompression.zstd !== undefined ? 'these tests write zstd already' : undefined)

test.skipIf(reason)(
  titled('checkpoint files and sessions are written and read by zstd on the newest Node', reason),
  { timeout: 120_000 },
  () => {
    const files = [
      'test/codec/zstd.test.ts',
      ...['test/checkpoint-file/pages.test.ts', 'test/checkpoint-file/golden.test.ts'],
      ...['test/store/session-file.test.ts', 'test/store/golden-store.test.ts', 'test/serve/parts.test.ts'],
    ]
    const { status, stdout, stderr } = spawnSync(
      newestNode(),
      ['node_modules/vitest/vitest.mjs', 'run', ...files, '--maxWorkers=1', '-t', 'zstd'],
      { cwd: root, encoding: 'utf8' },
    )
    expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' })
    expect(stdout).toMatch(/1[0-9] passed/)
  },
)
