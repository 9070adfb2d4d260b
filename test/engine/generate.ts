// Random valid modules: Binaryen's translate-to-fuzz turns seeded random bytes into one.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GlobalType, ValType } from '../../wasm-shim/module/model.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import type { Fixture } from './fixture.ts'

const wasmOpt = fileURLToPath(new URL('../../node_modules/binaryen/bin/wasm-opt', import.meta.url))

const features = [
  'bulk-memory',
  'multivalue',
  'mutable-globals',
  'nontrapping-float-to-int',
  'reference-types',
  'sign-ext',
  'simd',
  'tail-call',
]

/** Xorshift32. */
function randomBytes(seed: number, length: number): Uint8Array {
  let state = (seed * 0x9e3779b1) | 1
  return Uint8Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 8
  })
}

function translate(seed: number): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'stasis-generate-'))
  const [input, output] = [join(folder, 'input'), join(folder, 'output.wasm')]
  // Every third module throws; the passes make code denser, or give it more locals and blocks.
  const exceptions = seed % 3 === 0 ? ['--enable-exception-handling', '--translate-to-exnref'] : []
  const shape = [['-O2'], exceptions.length > 0 ? [] : ['--flatten', '--simplify-locals']][seed % 5] ?? []
  try {
    writeFileSync(input, randomBytes(seed, 4000 + (seed % 7) * 6000))
    const flags = features.map((name) => `--enable-${name}`)
    const { status, stderr } = spawnSync(
      process.execPath,
      [wasmOpt, '-ttf', input, ...flags, ...exceptions, '--denan', ...shape, '-o', output],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`wasm-opt failed for seed ${seed}: ${stderr}`)
    return new Uint8Array(readFileSync(output))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const argument: Readonly<Record<number, unknown>> = {
  [ValType.i32]: 3,
  [ValType.i64]: 5n,
  [ValType.f32]: 1.5,
  [ValType.f64]: -2.25,
  [ValType.v128]: 0,
}

const typeNames = new Map<number, string>(Object.entries(ValType).map(([name, byte]) => [byte, name]))
const typeName = (type: number) => (type === ValType.funcref ? 'anyfunc' : typeNames.get(type)) as WebAssembly.ValueType

function hostGlobal({ type, mutable }: GlobalType): unknown {
  return new WebAssembly.Global(
    { value: typeName(type), mutable },
    type === ValType.v128 ? undefined : (argument[type] ?? null),
  )
}

/** The module of a seed, with every export called in turn. */
export function generate(seed: number): Fixture {
  const bytes = translate(seed)
  const module = readModule(bytes)
  const params = (type: number) => module.types[type]!.params
  return {
    name: `seed ${seed}`,
    text: '',
    bytes,
    calls: module.exports
      .filter(({ kind }) => kind === 'func')
      .map(({ name, index }) => [name, ...params(module.functions[index]!).map((type) => argument[type] ?? null)]),
    host: () => {
      const tags = new Map<string, unknown>()
      for (const { module: from, name, desc } of module.imports)
        if (desc.kind === 'tag')
          tags.set(`${from}.${name}`, new WebAssembly.Tag({ parameters: params(desc.type).map(typeName) }))
      return {
        externs: () => ({
          ...Object.fromEntries(tags),
          ...Object.fromEntries(
            module.imports.flatMap(({ module: from, name, desc }) =>
              desc.kind === 'global' ? [[`${from}.${name}`, hostGlobal(desc.global)]] : [],
            ),
          ),
        }),
      }
    },
  }
}
