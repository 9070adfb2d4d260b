import { existsSync, readFileSync } from 'node:fs'
import { defineCommand } from '../command.ts'
import { flag } from '../options.ts'

export const versionCommand = defineCommand({
  name: 'version',
  summary: 'Print the version of stasis.',
  operands: '',
  count: [0, 0],
  description: ['The version of stasis; with --json also that of Node and of its JavaScript engine.'],
  options: { json: flag('Print JSON.') },
  examples: [{ line: 'stasis version --json', does: 'what to put into a bug report' }],
  run: async ({ values, terminal }) => {
    const { node, v8 } = process.versions
    const stasis = ownVersion()
    terminal.out(values.json ? JSON.stringify({ stasis, node, v8, platform: process.platform }) : `stasis ${stasis}`)
    return 0
  },
})

/** From our own package.json: one level up when bundled (two from a chunk), three when not. */
function ownVersion(): string {
  for (const up of ['../package.json', '../../package.json', '../../../package.json']) {
    const url = new URL(up, import.meta.url)
    if (!existsSync(url)) continue
    const { name, version } = JSON.parse(readFileSync(url, 'utf8')) as { name: string; version: string }
    if (name === 'stasis') return version
  }
  return 'unknown'
}
