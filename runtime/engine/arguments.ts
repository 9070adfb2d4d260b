import type { StasisError } from '../../wasm-shim/errors.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import type { ImportSite } from '../intercept/interceptor.ts'
import type { References } from './references.ts'

const float64 = new Float64Array(1)
const float64Words = new Uint32Array(float64.buffer)
const float32 = new Float32Array(1)
const float32Word = new Uint32Array(float32.buffer)

/** A pending call's arguments as words, laid out as the pre-linker saves values: low word first. */
export function encodeArguments(
  site: ImportSite,
  args: readonly unknown[],
  references: References,
  refuse: (error: StasisError) => void,
): Uint32Array {
  const words: number[] = []
  site.params.forEach((type, i) => {
    const value = args[i]
    switch (type) {
      case ValType.i32:
        words.push(value as number)
        return
      case ValType.i64:
        words.push(Number(BigInt.asUintN(32, value as bigint)), Number(BigInt.asUintN(32, (value as bigint) >> 32n)))
        return
      case ValType.f32:
        float32[0] = value as number
        words.push(float32Word[0] as number)
        return
      case ValType.f64:
        float64[0] = value as number
        words.push(float64Words[0] as number, float64Words[1] as number)
        return
      default:
        words.push(references.save(value, refuse))
    }
  })
  return Uint32Array.from(words)
}
