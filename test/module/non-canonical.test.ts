import { expect, test } from 'vitest'
import { ByteWriter } from '../../wasm-shim/bytes/writer.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { writeModule } from '../../wasm-shim/module/write.ts'
import { binary, content, everySection, header, wat } from './support.ts'

/** Written once, such a module is shorter and means the same; written again, it does not change. */
function expectSameMeaning(bytes: Uint8Array): void {
  expect(WebAssembly.validate(bytes)).toBe(true)
  const once = writeModule(readModule(bytes))
  expect(once.length).toBeLessThan(bytes.length)
  expect(WebAssembly.validate(once)).toBe(true)
  expect(content(readModule(once))).toEqual(content(readModule(bytes)))
  expect(writeModule(readModule(once))).toEqual(once)
}

test('sizes padded to five bytes are written short', () => {
  expectSameMeaning(wat(everySection, { padded: true, names: true }))
})

test('padded numbers in every place are accepted, and those in initialisers are kept', () => {
  const bytes = binary(
    [1, 0x81, 0x00, 0x60, 0x80, 0x00, 0x81, 0x80, 0x00, 0x7f],
    [3, 0x81, 0x00, 0x80, 0x80, 0x80, 0x80, 0x00],
    [4, 0x81, 0x00, 0x70, 0x00, 0x81, 0x00],
    [5, 0x81, 0x00, 0x01, 0x81, 0x00, 0x82, 0x80, 0x00],
    [6, 0x81, 0x00, 0x7f, 0x00, 0x41, 0x80, 0x80, 0x80, 0x80, 0x00, 0x0b],
    [7, 0x81, 0x00, 0x81, 0x80, 0x00, 0x66, 0x00, 0x80, 0x00],
    [9, 0x81, 0x00, 0x80, 0x00, 0x41, 0x80, 0x00, 0x0b, 0x81, 0x00, 0x80, 0x00],
    [12, 0x81, 0x00],
    [10, 0x81, 0x00, 0x85, 0x00, 0x00, 0x41, 0x80, 0x00, 0x0b],
    [11, 0x81, 0x00, 0x82, 0x00, 0x80, 0x00, 0x41, 0x80, 0x00, 0x0b, 0x81, 0x00, 0x78],
    [0, 0x81, 0x00, 0x78, 0x01],
  )
  expectSameMeaning(bytes)
  const module = readModule(writeModule(readModule(bytes)))
  expect(module.globalInits[0]!.end - module.globalInits[0]!.start).toBe(7)
})

test('custom sections stay where they are, also before, between and after the others', () => {
  const custom = (name: number) => [0, 1, name, 0xaa, 0xff]
  const bytes = binary(custom(0x61), [1, 0], custom(0x62), custom(0x62), [3, 0], [10, 0], custom(0x63))
  const module = readModule(bytes)
  expect(module.sections.map(({ id, name }) => name ?? id)).toEqual(['a', 1, 'b', 'b', 3, 10, 'c'])
  expect(writeModule(module)).toEqual(bytes)
})

test('a reference type in its long form is read as the short one', () => {
  const bytes = binary([4, 2, 0x63, 0x70, 0, 1, 0x63, 0x6f, 0, 1], [6, 1, 0x63, 0x69, 1, 0xd0, 0x69, 0x0b])
  const module = readModule(bytes)
  expect(module.tables.map(({ element }) => element)).toEqual([0x70, 0x6f])
  expect(module.globals[0]!.type).toBe(0x69)
  expect(content(readModule(writeModule(module)))).toEqual(content(module))
})

test('a table with an initialiser is written as it was read', () => {
  const bytes = binary([4, 1, 0x40, 0x00, 0x70, 0x01, 2, 5, 0xd0, 0x70, 0x0b])
  const module = readModule(bytes)
  expect(module.tables[0]).toMatchObject({ element: 0x70, limits: { min: 2, max: 5 }, init: { start: 17, end: 20 } })
  expect(writeModule(module)).toEqual(bytes)
})

test('133,000 functions and 24,000 passive and active segments are read and written', () => {
  const out = new ByteWriter()
  const section = (id: number, write: () => void) => {
    out.u8(id)
    out.sizedBy(write)
  }
  const repeat = (count: number, bytes: readonly number[]) => {
    out.u32(count)
    const each = Uint8Array.from(bytes)
    for (let i = 0; i < count; i++) out.bytes(each)
  }
  out.bytes(Uint8Array.from(header))
  section(1, () => repeat(1, [0x60, 0, 0]))
  section(3, () => repeat(133_000, [0]))
  section(5, () => repeat(1, [0, 1]))
  section(12, () => out.u32(24_000))
  section(10, () => repeat(133_000, [2, 0, 0x0b]))
  section(11, () => {
    out.u32(24_000)
    for (let i = 0; i < 12_000; i++) out.bytes(Uint8Array.of(0, 0x41, 1, 0x0b, 1, 0x78, 1, 1, 0x79))
  })
  const bytes = out.finish()
  const module = readModule(bytes)
  expect([module.functions.length, module.code.end.length, module.data.length]).toEqual([133_000, 133_000, 24_000])
  expect(Buffer.compare(writeModule(module), bytes)).toBe(0)
})

test('sections that the data needs and the list lacks are put in their place', () => {
  const module = readModule(wat('(module (func) (memory 1))'))
  const made = writeModule({ ...module, sections: [], exports: [{ name: 'f', kind: 'func', index: 0 }] })
  expect(readModule(made).sections.map(({ id }) => id)).toEqual([1, 3, 5, 7, 10])
  expect(WebAssembly.validate(made)).toBe(true)
})

test('a start function that was taken out leaves no section', () => {
  const { start, ...module } = readModule(wat('(module (start 0) (func))'))
  expect(start).toBe(0)
  expect(readModule(writeModule(module)).sections.map(({ id }) => id)).toEqual([1, 3, 10])
})

test('a section can be written by another writer', () => {
  const module = readModule(wat('(module (func) (func) (export "f" (func 0)))'))
  const made = writeModule(module, {
    export: (out) => {
      out.u32(1)
      out.name('g')
      out.u8(0)
      out.u32(1)
    },
  })
  expect(readModule(made).exports).toEqual([{ name: 'g', kind: 'func', index: 1 }])
})
