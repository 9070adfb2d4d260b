import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The Node of this machine, which runs the tests. */
export const machineNode = (): string => process.execPath

let newest: string | undefined

/**
 * The newest Node, from the devDependency `node`, where exnref exceptions and multi-memory exist.
 * Falls back to the machine's own where the package has no binary for it.
 */
export function newestNode(): string {
  newest ??= find()
  return newest
}

function find(): string {
  const path = fileURLToPath(new URL('../../node_modules/node/bin/node', import.meta.url))
  if (!existsSync(path)) return machineNode()
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore' })
    return realpathSync(path)
  } catch {
    return machineNode()
  }
}

/** The major version of a Node, 20 for instance. */
export const majorOf = (node: string): number =>
  Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1] ?? 0)
