import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readModule } from '../../wasm-shim/module/read.ts'
import { decodeMetadata, metadataSection, prelink } from '../../wasm-shim/prelink/index.ts'
import { assemble } from '../engine/assemble.ts'
import { everywhere } from '../engine/fixtures/index.ts'
import { everySection, wat } from '../module/support.ts'
import { onNewest, withoutNewest } from '../support/on-newest.ts'
import { titled } from '../support/titled.ts'
import { bigModules } from './big-modules.ts'

const small = {
  'one of every section': wat(everySection, { names: true }),
  ...Object.fromEntries(everywhere.map((fixture) => [fixture.name, assemble(fixture)])),
}

/** Names with their kinds and types, as the specification spells types out. */
function exportTypes(bytes: Uint8Array): Map<string, string> {
  const module = readModule(bytes)
  return new Map(
    module.exports.map(({ name, kind, index }) => {
      switch (kind) {
        case 'func':
          return [name, JSON.stringify([kind, module.types[module.functions[index]!]])]
        case 'table':
          return [name, JSON.stringify([kind, module.tables[index]!.element, module.tables[index]!.limits])]
        case 'memory':
          return [name, JSON.stringify([kind, module.memories[index]])]
        case 'global':
          return [name, JSON.stringify([kind, module.globals[index]])]
        default:
          return [name, JSON.stringify([kind, module.types[module.tags[index]!]])]
      }
    }),
  )
}

describe.each(Object.entries(small))('%s', (_, bytes) => {
  test.each(['none', 'default', 'all'] as const)('pre-links to the same valid bytes each time, polls: %s', (polls) => {
    const { bytes: once, metadata } = prelink(bytes, { polls })
    expect(WebAssembly.validate(once)).toBe(true)
    expect(Buffer.compare(once, prelink(bytes.slice(), { polls }).bytes)).toBe(0)
    const [section] = WebAssembly.Module.customSections(new WebAssembly.Module(once), metadataSection)
    expect(decodeMetadata(new Uint8Array(section!))).toEqual(metadata)
  })

  test('keeps every export, function index, import and name', () => {
    const before = readModule(bytes)
    const { bytes: output, metadata } = prelink(bytes)
    const after = readModule(output)
    const exports = exportTypes(output)
    for (const [name, type] of exportTypes(bytes)) expect(exports.get(name), name).toBe(type)
    for (const { name } of after.exports.slice(before.exports.length))
      expect(name.startsWith(metadata.prefix)).toBe(true)
    expect(after.exports.slice(0, before.exports.length)).toEqual(before.exports)
    expect(after.functions.slice(0, before.functions.length)).toEqual(before.functions)
    expect(after.imports.map(({ module, desc }) => [module, desc])).toEqual(
      before.imports.map(({ module, desc }) => [module, desc]),
    )
    expect(after.start).toBeUndefined()
    const names = (of: typeof before) =>
      of.sections
        .filter(({ name }) => name === 'name')
        .map(({ body }) => Buffer.from(of.bytes.subarray(body.start, body.end)).toString('hex'))
    expect(names(after)).toEqual(names(before))
  })
})

test('polls change the sites of loops only', () => {
  const bytes = assemble(everywhere.find(({ name }) => name.includes('nested compute loops'))!)
  const sites = (['none', 'default', 'all'] as const).map((polls) =>
    prelink(bytes, { polls }).metadata.firstSite.at(-1),
  )
  expect(sites).toEqual([1, 4, 5])
})

test('an unknown option is refused by name', () => {
  expect(() => prelink(wat('(module)'), { poll: 'all' } as object)).toThrow("no option 'poll'")
})

test('exceptions of the other encoding than the guest’s are refused', () => {
  for (const text of [
    '(module (func (try (do) (catch_all))))',
    '(module (tag $t) (func (try (do) (catch $t (rethrow 0)))))',
  ]) {
    expect(() => prelink(wat(text), { exceptions: 'exnref' })).toThrow(
      expect.objectContaining({ code: 'STASIS_PRELINK_ENCODING' }),
    )
    expect(prelink(wat(text)).metadata.exceptions).toBe('legacy')
  }
})

test('a function reference from the host opens every indirect call', () => {
  const module = (type: string) =>
    `(module (import "env" "tick" (func $tick)) (table $t 1 funcref) (type $f (func))
      (func (export "set") (param ${type}))
      (func $run (call_indirect (type $f) (i32.const 0))))`
  expect(prelink(wat(module('externref'))).metadata.mayUnwind.at(-1)).toBe(0)
  expect(prelink(wat(module('funcref'))).metadata.mayUnwind.at(-1)).toBe(1)
})

describe('big programs', () => {
  test.each(Object.entries(bigModules))(
    '%s pre-links to valid bytes with every export',
    { timeout: 120_000 },
    (name, path) => {
      const bytes = new Uint8Array(readFileSync(path))
      const { bytes: output, metadata } = prelink(bytes)
      expect(WebAssembly.validate(output)).toBe(true)
      expect(metadata.firstSite.at(-1)).toBeGreaterThan(1000)
      // clang was compiled for size: its sites are closer together than in any other program.
      expect(output.length / bytes.length).toBeLessThan(name === 'clang' ? 1.8 : 1.35)
      const exports = exportTypes(output)
      for (const [name, type] of exportTypes(bytes)) expect(exports.get(name), name).toBe(type)
      const before = readModule(bytes).functions
      const after = readModule(output).functions
      expect(before.every((type, func) => after[func] === type)).toBe(true)
    },
  )

  const reason = withoutNewest()
  test.skipIf(reason !== undefined)(
    titled('all are valid in the exnref encoding on the newest Node', reason),
    { timeout: 240_000 },
    () => {
      const url = new URL('big-newest.ts', import.meta.url)
      const valid = onNewest(url) as Record<string, string>
      expect(valid).toEqual(Object.fromEntries(Object.keys(bigModules).map((name) => [name, 'valid'])))
    },
  )
})
