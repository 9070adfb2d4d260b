import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machineNode, majorOf, newestNode } from '../support/nodes.ts'

/** The two classes that are compared; ours as it is shipped. */
export const implementations = {
  node: 'node:wasi',
  stasis: new URL('../../dist/node.js', import.meta.url).href,
} as const
export type Implementation = keyof typeof implementations

/** The Nodes of this machine, by major version; one where the newest has no binary. */
export const nodes: readonly { readonly major: number; readonly path: string }[] = [
  ...new Set([machineNode(), newestNode()]),
].map((path) => ({ major: majorOf(path), path }))

/** Runs one of the scripts beside this file in a process of its own. */
export function runScript(
  node: string,
  script: string,
  args: readonly string[],
  stdin: string | Uint8Array = '',
): SpawnSyncReturns<string> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const result = spawnSync(node, ['--no-warnings', path, ...args], { input: stdin, encoding: 'utf8', timeout: 50_000 })
  if (result.error) throw result.error
  return result
}

export interface RunRequest {
  readonly path: string
  readonly options?: Readonly<Record<string, unknown>>
  /** Files for stdin, stdout and stderr: path and flags of open. */
  readonly files?: Readonly<Record<string, readonly [string, string]>>
  /** Paths of call logs. */
  readonly log?: string
  readonly replay?: string
  readonly stdin?: string
}

export interface RunResult {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  /** What `start` returned or threw; undefined where the process ended in it without telling. */
  readonly outcome: Readonly<Record<string, unknown>> | undefined
}

/** Runs one program in a process of its own. */
export function runProgram(node: string, implementation: Implementation, request: RunRequest): RunResult {
  const { stdin, ...rest } = request
  const directory = mkdtempSync(join(tmpdir(), 'stasis-run-'))
  const result = join(directory, 'result.json')
  try {
    const argument = JSON.stringify({ ...rest, implementation: implementations[implementation], result })
    const { status, signal, stdout, stderr } = runScript(node, 'run.mjs', [argument], stdin)
    const outcome = existsSync(result) ? JSON.parse(readFileSync(result, 'utf8')) : undefined
    return { status, signal, stdout, stderr, outcome }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
