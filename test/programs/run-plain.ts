import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Outcome, ProgramCase } from './cases.ts'
import { prepare } from './prepare.ts'
import { program } from './programs.ts'

const runner = fileURLToPath(new URL('node-wasi.mjs', import.meta.url))

/** Runs a case under node:wasi in a process of its own, on the Node given by its path. */
export function runPlain(each: ProgramCase, node: string): Outcome {
  const { path, argv0 } = program(each.program)
  const prepared = prepare(each)
  try {
    const preopens = Object.fromEntries(prepared.mounts.map(({ guest, host }) => [guest, host]))
    // node:wasi hands the guest no environment at all when it is empty, which some programs do not survive.
    const env = Object.keys(each.env).length > 0 ? each.env : { LANG: 'C' }
    const request = JSON.stringify({ path, args: [argv0, ...each.args], env, preopens })
    const result = spawnSync(node, ['--no-warnings', runner, request], { input: each.stdin, encoding: 'utf8' })
    if (result.error) throw result.error
    return {
      exitCode: result.status ?? -1,
      stdout: result.stdout,
      stderr: result.stderr,
      files: prepared.files(),
    }
  } finally {
    prepared.dispose()
  }
}
