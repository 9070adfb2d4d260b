import { ByteReader } from '../../wasm-shim/bytes/reader.ts'
import { ByteWriter } from '../../wasm-shim/bytes/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { maxFunctions, maxWords, wordsOf } from './layout.ts'

/** A function of the log's dictionary: all that is needed to read its records without knowing what it does. */
export interface LoggedFunction {
  readonly module: string
  readonly name: string
  readonly params: readonly ValType[]
  readonly results: readonly ValType[]
  /** Words that it returns through pointers when its outcome is 0 (an errno), as the ABI table says. */
  readonly resultWords: number
  /** Whether its records have bytes that the guest gave, and bytes that the host wrote. */
  readonly input: boolean
  readonly output: boolean
}

/**
 * Where the words of a record lie: parameters, outcome, results. In memory every value has two words, so that a 64-bit
 * one can be stored at once (`slots`); in a record only those that its type needs.
 */
export interface WordPlan {
  /** Slot word of each word of a record. */
  readonly map: Uint16Array
  /** End of the parameters and of the outcome among the words of a record. */
  readonly params: number
  readonly outcome: number
  readonly all: number
  /** Slot word of the outcome and of the first result. */
  readonly outcomeSlot: number
  readonly resultSlot: number
  /** Words that all slots take; even. */
  readonly slots: number
}

export function wordPlan(fn: LoggedFunction): WordPlan {
  const map: number[] = []
  const add = (types: readonly ValType[], slot: number) => {
    types.forEach((type, i) => {
      for (let word = 0; word < wordsOf(type); word++) map.push(slot + i * 2 + word)
    })
    return map.length
  }
  const params = add(fn.params, 0)
  const outcomeSlot = fn.params.length * 2
  const outcome = add(fn.results, outcomeSlot)
  const resultSlot = outcomeSlot + fn.results.length * 2
  for (let word = 0; word < fn.resultWords; word++) map.push(resultSlot + word)
  const slots = resultSlot + ((fn.resultWords + 1) & ~1)
  return { map: Uint16Array.from(map), params, outcome, all: map.length, outcomeSlot, resultSlot, slots }
}

const Flag = { input: 1, output: 2 } as const

export function encodeFunctions(functions: readonly LoggedFunction[]): Uint8Array {
  const writer = new ByteWriter()
  writer.u32(functions.length)
  for (const fn of functions) {
    writer.name(fn.module)
    writer.name(fn.name)
    for (const types of [fn.params, fn.results]) {
      writer.u32(types.length)
      for (const type of types) writer.u8(type)
    }
    writer.u32(fn.resultWords)
    writer.u8((fn.input ? Flag.input : 0) | (fn.output ? Flag.output : 0))
  }
  return writer.finish()
}

const valTypes = new Set<number>(Object.values(ValType))

/** `known` functions are there already. `fail` throws. */
export function decodeFunctions(
  bytes: Uint8Array,
  known: number,
  fail: (message: string) => never,
): readonly LoggedFunction[] {
  const reader = new ByteReader(bytes)
  const types = (): ValType[] => {
    const list = Array.from({ length: reader.count() }, () => reader.u8())
    if (list.some((type) => !valTypes.has(type))) fail('a function has a parameter of an unknown type')
    return list as ValType[]
  }
  // A function takes at least six bytes.
  const count = reader.count(6)
  if (known + count > maxFunctions) fail(`it has more than ${maxFunctions} functions`)
  const functions = Array.from({ length: count }, (): LoggedFunction => {
    const [module, name, params, results] = [reader.name(), reader.name(), types(), types()]
    const resultWords = reader.u32()
    const flags = reader.u8()
    if (flags > 3) fail('a function has unknown flags')
    if (resultWords > maxWords || (params.length + results.length) * 2 + resultWords > maxWords) {
      fail(`the function ${name} has more than ${maxWords} words`)
    }
    if (resultWords > 0 && (results.length !== 1 || results[0] !== ValType.i32)) {
      fail(`the function ${name} has results through pointers and returns no errno`)
    }
    const input = (flags & Flag.input) !== 0
    return { module, name, params, results, resultWords, input, output: (flags & Flag.output) !== 0 }
  })
  reader.expectEnd('the functions')
  return functions
}
