import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ProgramName, program } from '../test/programs/programs.ts'
import type { PollMode } from '../wasm-shim/prelink/index.ts'
import type { Jobs } from './child.ts'
import type { Guest } from './world.ts'

export interface NodeBinary {
  /** For example "Node 20.20.2". */
  readonly name: string
  readonly path: string
  readonly isNewest: boolean
}

export interface Settings {
  readonly root: string
  readonly isQuick: boolean
  readonly rounds: number
  /** The machine's first; one where the newest is the same. */
  readonly nodes: readonly NodeBinary[]
  readonly child: string
}

export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** What the rows need: children to measure in, and modules in their variants. */
export class Bench {
  readonly settings: Settings
  readonly temporary: string = mkdtempSync(join(tmpdir(), 'stasis-bench-'))
  readonly #cache: string
  readonly #identity: string

  constructor(settings: Settings) {
    this.settings = settings
    this.#cache = join(settings.root, '.cache/bench')
    mkdirSync(this.#cache, { recursive: true })
    this.#identity = hashOf(readFileSync(settings.child))
  }

  /** Runs a job in a process of its own. */
  run<K extends keyof Jobs>(
    job: K,
    input: Parameters<Jobs[K]>[0],
    node: NodeBinary,
  ): Promise<Awaited<ReturnType<Jobs[K]>>> {
    const args = ['--no-warnings', '--stack-size=3000', this.settings.child, job, JSON.stringify(input)]
    return new Promise((resolve, reject) => {
      execFile(node.path, args, { encoding: 'utf8', maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        if (error)
          reject(new Error(`${job} failed on ${node.name}: ${stderr.trim().split('\n').slice(0, 12).join('\n')}`))
        else resolve(JSON.parse(stdout) as Awaited<ReturnType<Jobs[K]>>)
      })
    })
  }

  guest(argv0: string, args: readonly string[] = []): Guest {
    const { root } = this.settings
    return {
      args: [argv0, ...args],
      mounts: { '/bench': join(root, 'bench/guest'), '/guest': join(root, 'test/programs/guest') },
    }
  }

  /** A fresh empty directory. */
  scratch(): string {
    return mkdtempSync(join(this.temporary, 'scratch-'))
  }

  dispose(): void {
    rmSync(this.temporary, { recursive: true, force: true })
  }

  /** Path of the pre-linked module; made where this build of the pre-linker has not made it yet. */
  async prelinked(module: string, polls: PollMode): Promise<string> {
    const prefix = `${hashOf(readFileSync(module))}-${polls}-`
    const path = join(this.#cache, `${prefix}${this.#identity}.wasm`)
    if (!existsSync(path)) {
      this.#forget(prefix)
      const out = `${path}.${process.pid}`
      await this.run('prelink', { module, polls, out }, this.settings.nodes[0]!)
      renameSync(out, path)
    }
    return path
  }

  /** Removes what earlier builds of the pre-linker made, unless another run may be using it. */
  #forget(prefix: string): void {
    for (const name of readdirSync(this.#cache)) {
      const path = join(this.#cache, name)
      if (name.startsWith(prefix) && Date.now() - statSync(path).mtimeMs > 3_600_000) rmSync(path)
    }
  }

  /** Path of the module as Binaryen's Asyncify makes it. Takes a minute a megabyte, hence is kept. */
  asyncified(module: string): string {
    const tool = join(this.settings.root, 'node_modules/binaryen')
    const { version } = JSON.parse(readFileSync(join(tool, 'package.json'), 'utf8')) as { version: string }
    const path = join(this.#cache, `${hashOf(readFileSync(module))}-asyncify-${version}.wasm`)
    if (!existsSync(path)) {
      say(`  wasm-opt --asyncify -O3 ${module.slice(this.settings.root.length)} (once)`)
      const out = `${path}.${process.pid}`
      const args = [join(tool, 'bin/wasm-opt'), ...features, '--asyncify', '-O3', module, '-o', out]
      execFileSync(this.settings.nodes.at(-1)!.path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      renameSync(out, path)
    }
    return path
  }

  /** Path of a module written as text in bench/guest. */
  async assembled(name: string): Promise<string> {
    const path = join(this.temporary, `${name}.wasm`)
    if (!existsSync(path)) {
      const { default: load } = await import('wabt')
      const source = readFileSync(join(this.settings.root, `bench/guest/${name}.wat`), 'utf8')
      const module = (await load()).parseWat(`${name}.wat`, source)
      writeFileSync(path, module.toBinary({}).buffer)
    }
    return path
  }
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

/** What every Node has that is measured; with all of Binaryen's features its output is too new for any. */
const features = ['sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'bulk-memory', 'multivalue'].map(
  (name) => `--enable-${name}`,
)

/** A sentence why the program cannot be measured, or undefined. */
export function missing(name: ProgramName): string | undefined {
  const { available, reason } = program(name)
  return available ? undefined : `${name} is left out: ${reason}`
}

export function nodeBinary(path: string, isNewest: boolean): NodeBinary {
  const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1)
  return { name: `Node ${version}`, path, isNewest }
}
