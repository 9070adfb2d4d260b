import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import wabt from 'wabt'
import { findRow, wasmParameters } from '../../wasm-shim/wasi/abi.ts'

const preview1 = 'wasi_snapshot_preview1'

/** A program in the text format, importing the named functions as $name. `data` lies at its addresses. */
export function programText(
  names: readonly string[],
  body: string,
  data: Readonly<Record<number, string>> = {},
  abi: string = preview1,
): string {
  const imports = names.map((name) => {
    const row = findRow(abi, name)!
    const result = row.returns === 'errno' ? '(result i32)' : ''
    return `(import "${abi}" "${name}" (func $${name} (param ${wasmParameters(row).join(' ')}) ${result}))`
  })
  const segments = Object.entries(data).map(([address, bytes]) => `(data (i32.const ${address}) "${bytes}")`)
  return `(module ${imports.join('\n')} (memory (export "memory") 4) ${segments.join('\n')} ${body})`
}

/** Little-endian words as they stand in a data segment. */
export const words = (...values: readonly number[]): string =>
  values
    .flatMap((value) => [0, 8, 16, 24].map((shift) => `\\${((value >>> shift) & 255).toString(16).padStart(2, '0')}`))
    .join('')

/** `_start` as a list of calls whose errnos are dropped, and `proc_exit` with the last one's. */
export const start = (...calls: readonly string[]): string => `(func (export "_start") ${calls.join('\n')})`

export async function assemble(text: string): Promise<Uint8Array> {
  const parsed = (await wabt()).parseWat('program.wat', text, { exceptions: true })
  return new Uint8Array(parsed.toBinary({}).buffer)
}

/** Writes programs as modules into a directory that lasts as long as the tests of a file. */
export function moduleFiles<Name extends string>(
  texts: Readonly<Record<Name, string>>,
): { readonly directory: string; readonly path: (name: Name) => string } {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-node-wasi-'))
  const path = (name: string) => join(directory, `${name}.wasm`)
  beforeAll(async () => {
    for (const [name, text] of Object.entries<string>(texts)) writeFileSync(path(name), await assemble(text))
  })
  afterAll(() => rmSync(directory, { recursive: true }))
  return { directory, path }
}
