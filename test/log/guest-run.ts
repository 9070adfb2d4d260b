import { createHash } from 'node:crypto'
import { openDirectory } from '../../host-node/directory.ts'
import { importSites } from '../../runtime/intercept/imports.ts'
import { compose, type ImportFunction, type ImportSite, type Interceptor } from '../../runtime/intercept/interceptor.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import type { ProgramCase } from '../programs/cases.ts'
import { prepare } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { createTestHost } from '../support/test-host.ts'

export interface GuestRun {
  readonly exitCode: number
  readonly stdout: string
  /** SHA-256 of the memory at the end. */
  readonly memory: string
  readonly milliseconds: number
}

type MakeInterceptors = (memory: () => WebAssembly.Memory) => readonly Interceptor[]

const compiled = new Map<string, WebAssembly.Module>()
const sitesOf = new Map<string, readonly ImportSite[]>()

/** The unmodified module and its imports. */
export function load(name: ProgramCase['program']): { module: WebAssembly.Module; sites: readonly ImportSite[] } {
  if (!compiled.has(name)) {
    const bytes = program(name).module
    compiled.set(name, new WebAssembly.Module(bytes))
    sitesOf.set(name, importSites(bytes))
  }
  return { module: compiled.get(name)!, sites: sitesOf.get(name)! }
}

/** Runs a program behind interceptors; `innermost` is what they stand before. */
export function runGuest(
  name: ProgramCase['program'],
  innermost: (site: ImportSite) => ImportFunction,
  interceptors: MakeInterceptors,
  attach: (memory: () => WebAssembly.Memory) => void = () => undefined,
): { exitCode: number; memory: string; milliseconds: number } {
  const { module, sites } = load(name)
  let instance: WebAssembly.Instance | undefined
  const memory = () => instance?.exports.memory as WebAssembly.Memory
  attach(memory)
  const list = interceptors(memory)
  const imports: WebAssembly.Imports = {}
  for (const site of sites) {
    imports[site.module] ??= {}
    imports[site.module]![site.name] = compose(list, innermost(site), site)
  }
  instance = new WebAssembly.Instance(module, imports)
  const start = performance.now()
  let exitCode = 0
  try {
    ;(instance.exports._start as () => void)()
  } catch (thrown) {
    if (!(thrown instanceof ExitSignal)) throw thrown
    exitCode = thrown.code
  }
  const milliseconds = performance.now() - start
  const hash = createHash('sha256').update(new Uint8Array(memory().buffer)).digest('hex')
  return { exitCode, memory: hash, milliseconds }
}

/** A case under the kernel with a test host. */
export function runLive(each: ProgramCase, interceptors: MakeInterceptors): GuestRun {
  const prepared = prepare(each)
  try {
    const host = createTestHost({ stdin: each.stdin })
    const mounts = prepared.mounts.map((mount): Mount => {
      const fs = openDirectory(mount.host, { readOnly: false })
      return { guest: mount.guest, kind: 'host', fs, source: mount.host, readOnly: false }
    })
    const config = { args: [program(each.program).argv0, ...each.args], env: Object.entries(each.env), mounts }
    const kernel = Kernel.create(config, host)
    const link = (site: ImportSite) => kernel.link(site.module, site.name) as ImportFunction
    const ended = runGuest(each.program, link, interceptors, (memory) => kernel.attach(memory))
    return { ...ended, stdout: host.stdoutText() }
  } finally {
    prepared.dispose()
  }
}

/** A sink that keeps the log in one array, in pieces as they came. */
export function keepLog(): { readonly sink: (block: Uint8Array) => void; readonly bytes: () => Uint8Array } {
  const blocks: Uint8Array[] = []
  return { sink: (block) => blocks.push(block.slice()), bytes: () => new Uint8Array(Buffer.concat(blocks)) }
}

export const testSession = '0f8fad5b-d9cb-469f-a165-70867728950e'
