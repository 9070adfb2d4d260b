// A Node process that runs legs, one after the other, with the built dist/. Images are passed as files.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { bundleProgram } from '../support/bundle-program.ts'
import type { LegRequest, LegResult } from './leg.ts'

const dist = new URL('../../dist/', import.meta.url).href

/** Reads requests as lines of JSON and answers likewise; its own output goes to stderr. */
const source = `
  import { readFile, writeFile } from 'node:fs/promises'
  import { join } from 'node:path'
  import { createInterface } from 'node:readline'
  import { runLeg } from './test/browser/leg.ts'
  const [dist, folder] = process.argv.slice(2)
  const core = await import(dist + 'index.js')
  const node = await import(dist + 'node.js')
  const place = {
    module: async (path) => new Uint8Array(await readFile(path)),
    get: async (name) => new Uint8Array(await readFile(join(folder, name))),
    put: (name, bytes) => writeFile(join(folder, name), bytes),
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await runLeg({ ...core, ...node }, place, JSON.parse(line)).then(
      (result) => ({ result }),
      (error) => ({ error: String(error.stack) }),
    )
    process.stdout.write(JSON.stringify(answer) + '\\n')
  }`

export interface LegHost {
  readonly name: string
  run(request: LegRequest): Promise<LegResult>
  close(): Promise<void>
}

/** `script` is where the program is bundled to. */
export async function startNodeHost(name: string, node: string, folder: string, script: string): Promise<LegHost> {
  await bundleProgram(source, script)
  const child: ChildProcess = spawn(node, ['--no-warnings', script, dist, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return {
    name,
    run: async (request) => {
      child.stdin!.write(`${JSON.stringify(request)}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`${name} has ended with ${child.exitCode ?? child.signalCode}`)
      const answer = JSON.parse(value as string) as { result: LegResult } | { error: string }
      if ('error' in answer) throw new Error(`on ${name}: ${answer.error}`)
      return answer.result
    },
    close: async () => {
      child.stdin!.end()
      if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}
