import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { majorOf, newestNode } from './nodes.ts'

/** Why a test cannot use what came after Node 20; undefined where it can. */
export function withoutNewest(): string | undefined {
  return majorOf(newestNode()) >= 24 ? undefined : "the package 'node' has no binary for this machine"
}

/** Runs a TypeScript program of this repository on the newest Node and returns what it prints as JSON. */
export function onNewest(url: URL, input = ''): unknown {
  const { status, stdout, stderr } = spawnSync(newestNode(), ['--no-warnings', fileURLToPath(url)], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status !== 0) throw new Error(`${fileURLToPath(url)} ended with ${status}:\n${stderr.slice(0, 4000)}`)
  return JSON.parse(stdout)
}
