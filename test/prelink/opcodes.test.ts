import binaryen from 'binaryen'
import { describe, expect, test } from 'vitest'
import { CodeCursor, mnemonic } from '../../wasm-shim/module/code.ts'
import { Immediate, type Opcode, opcodes } from '../../wasm-shim/module/opcodes.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { wat } from '../module/support.ts'

const { BulkMemory, ExceptionHandling, ReferenceTypes, RelaxedSIMD, SIMD128 } = binaryen.Features
const features = BulkMemory | ExceptionHandling | ReferenceTypes | RelaxedSIMD | SIMD128

const rows = opcodes.filter((row): row is Opcode => row !== undefined)

/** Text of each kind of immediate; others have none. */
const immediateText: Readonly<Partial<Record<Immediate, string>>> = {
  [Immediate.label]: '0',
  [Immediate.labels]: '0 0 0',
  [Immediate.func]: '0',
  [Immediate.indirect]: '(type 0)',
  [Immediate.local]: '0',
  [Immediate.global]: '0',
  [Immediate.table]: '0',
  [Immediate.i32]: '-5',
  [Immediate.i64]: '-6',
  [Immediate.f32]: '1.5',
  [Immediate.f64]: '2.5',
  [Immediate.refType]: 'func',
  [Immediate.dataMemory]: '0',
  [Immediate.data]: '0',
  [Immediate.elemTable]: '0',
  [Immediate.elem]: '0',
  [Immediate.lane]: '1',
  [Immediate.memargLane]: '1',
  [Immediate.tag]: '0',
}

const special: Readonly<Record<string, string>> = {
  'v128.const': 'v128.const i32x4 1 2 3 4',
  'i8x16.shuffle': 'i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15',
  block: 'block end',
  loop: 'loop end',
  if: 'i32.const 0 if end',
  else: 'i32.const 0 if else nop end',
  try: 'try catch_all end',
  catch: 'try catch 0 end',
  catch_all: 'try catch_all end',
  rethrow: 'try catch_all rethrow 0 end',
  delegate: 'try delegate 0',
  end: 'nop',
}

/** What wabt cannot write: Binaryen checks their names below, or nothing here knows them. */
const newerNames = ['try_table', 'throw_ref', 'i64.add128', 'i64.sub128', 'i64.mul_wide_s', 'i64.mul_wide_u']
const isNewer = ({ name }: Opcode) => newerNames.includes(name) || name.includes('relaxed')

const spell = (row: Opcode): string => {
  const typed = row.name === 'select' && row.immediate === Immediate.types ? ' (result i32)' : ''
  return special[row.name] ?? `${row.name}${typed} ${immediateText[row.immediate] ?? ''}`
}

const surroundings = `(type (func)) (memory 1 2 shared) (table 3 funcref) (global (mut i32) (i32.const 0)) (tag)
  (data "text") (elem func 0)`

/** Mnemonics of the last function's instructions. */
function instructions(bytes: Uint8Array): string[] {
  const { code } = readModule(bytes)
  const cursor = new CodeCursor(bytes, code.start.at(-1), code.end.at(-1))
  for (let groups = cursor.u32(); groups > 0; groups--) {
    cursor.u32()
    cursor.pos++
  }
  const names: string[] = []
  while (cursor.next()) names.push(mnemonic(cursor.op))
  return names
}

describe('every opcode is read under the name that it was written by', () => {
  test.each(rows.filter((row) => !isNewer(row)).map((row) => [row.name, row] as const))('%s', (name, row) => {
    const bytes = wat(`(module ${surroundings} (func (local i32) ${spell(row)}))`)
    const names = instructions(bytes)
    expect(names).toContain(name)
    expect(names.at(-1)).toBe('end')
  })

  test('those that only Binaryen writes', () => {
    const module = binaryen.parseText(`(module
      (func $run (param v128 v128 v128) (result v128)
        ${rows
          .filter(({ name }) => name.includes('relaxed'))
          .map(
            ({ name, popped }) =>
              `(drop (${name} ${[0, 1, 2]
                .slice(0, popped!.length)
                .map((i) => `(local.get ${i})`)
                .join(' ')}))`,
          )
          .join('\n')}
        (block $all (result exnref)
          (try_table (catch_all_ref $all) (call $run (local.get 0) (local.get 1) (local.get 2)) (drop))
          (return (local.get 0)))
        (throw_ref)))`)
    module.setFeatures(features)
    const names = instructions(module.emitBinary())
    module.dispose()
    const expected = rows.map(({ name }) => name).filter((name) => name.includes('relaxed'))
    expect(expected.length).toBe(20)
    for (const name of [...expected, 'try_table', 'throw_ref']) expect(names).toContain(name)
  })
})

describe('every opcode with a fixed signature validates with it', () => {
  const letter: Readonly<Record<string, string>> = {
    i: 'i32',
    I: 'i64',
    f: 'f32',
    F: 'f64',
    v: 'v128',
    a: 'i32',
    r: 'funcref',
  }
  const fixed = rows.filter(
    ({ popped, pushed, name }) =>
      popped !== undefined && pushed !== undefined && !/^(br_if|br_table|rethrow|delegate|unreachable)$/.test(name),
  )
  test.each(fixed.filter((row) => !isNewer(row)).map((row) => [row.name, row] as const))('%s', (_, row) => {
    const types = (letters: string) => [...letters].map((each) => letter[each]!).join(' ')
    const [popped, pushed] = [row.popped!, row.pushed === '' && row.name === 'ref.func' ? 'r' : row.pushed!]
    const gets = [...popped].map((_, i) => `local.get ${i}`).join(' ')
    const text = `(module ${surroundings}
      (func (param ${types(popped)}) (result ${types(pushed)}) ${gets} ${row.immediate === Immediate.local ? '' : spell(row)}))`
    expect(WebAssembly.validate(wat(text)), text).toBe(true)
  })
})
