import wabt from 'wabt'
import { ByteWriter } from '../../wasm-shim/bytes/writer.ts'
import type { Range, WasmModule } from '../../wasm-shim/module/model.ts'

const toolkit = await wabt()

const features = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  threads: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  memory64: true,
  multi_memory: true,
  extended_const: true,
}

export interface WatOptions {
  readonly names?: boolean
  /** Sizes padded to five bytes, as tools write them that fill them in afterwards. */
  readonly padded?: boolean
}

export function wat(text: string, { names = false, padded = false }: WatOptions = {}): Uint8Array {
  const module = toolkit.parseWat('fixture.wat', text, features)
  try {
    const { buffer } = module.toBinary({ write_debug_names: names, canonicalize_lebs: !padded })
    return new Uint8Array(buffer)
  } finally {
    module.destroy()
  }
}

export const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00] as const

/** A module from sections given as [id, ...contents]. */
export function binary(...sections: readonly (readonly number[])[]): Uint8Array {
  const out = new ByteWriter()
  out.bytes(Uint8Array.from(header))
  for (const [id, ...body] of sections) {
    out.u8(id!)
    out.u32(body.length)
    out.bytes(Uint8Array.from(body))
  }
  return out.finish()
}

/** A module without positions: each range replaced by the bytes in it, so that two encodings can be compared. */
export function content(module: WasmModule): unknown {
  const take = (range: Range) => Buffer.from(module.bytes.subarray(range.start, range.end)).toString('base64')
  const optional = (range: Range | undefined) => (range === undefined ? undefined : take(range))
  const table = (type: WasmModule['tables'][number]) => ({ ...type, init: optional(type.init) })
  const { bytes: _, sections, tables, globalInits, elements, code, data, ...rest } = module
  return {
    ...rest,
    sections: sections.map(({ id, name, body }) => (id === 0 ? { id, name, body: take(body) } : { id })),
    tables: tables.map(table),
    globalInits: globalInits.map(take),
    elements: elements.map((element) => ({
      ...element,
      offset: optional(element.offset),
      items: element.items.kind === 'functions' ? element.items : element.items.ranges.map(take),
    })),
    code: Array.from(code.start, (start, i) => take({ start, end: code.end[i]! })),
    data: data.map((segment) => ({ ...segment, offset: optional(segment.offset), payload: take(segment.payload) })),
  }
}

/** One module with every section and every form of segment that wabt can write. */
export const everySection = `(module
  (type $unit (func))
  (type $binary (func (param i32 i64) (result f64 f32)))
  (import "env" "log" (func $log (param i32)))
  (import "env" "log" (func $again (param i64)))
  (import "env" "mem" (memory 1 2))
  (import "env" "table" (table 4 funcref))
  (import "env" "base" (global $base i32))
  (import "env" "counter" (global $counter (mut i64)))
  (import "env" "oops" (tag $oops (param i32)))
  (table $second 3 10 externref)
  (tag $mine (param i32 i32))
  (global $answer i32 (i32.const -42))
  (global $sum i32 (global.get $base))
  (global $wide i64 (i64.const 0x7fffffffffffffff))
  (global $single f32 (f32.const 1.5))
  (global $nan f64 (f64.const nan:0x8000000000001))
  (global $vector v128 (v128.const i64x2 0x0b0b0b0b0b0b0b0b -2))
  (global $null (mut funcref) (ref.null func))
  (global $null_extern (mut externref) (ref.null extern))
  (global $self funcref (ref.func $init))
  (export "mem" (memory 0))
  (export "table" (table 0))
  (export "answer" (global $answer))
  (export "oops" (tag $oops))
  (export "run" (func $run))
  (export "\\ef\\bb\\bfr\\c3\\bcn" (func $run))
  (start $init)
  (elem (i32.const 1) $run $init)
  (elem (global.get $base) $log)
  (elem $passive func $run $again)
  (elem declare func $run)
  (elem (i32.const 2) funcref (ref.func $run) (ref.null func))
  (elem $exprs funcref (ref.func $init) (ref.null func))
  (elem (table $second) (i32.const 0) externref (ref.null extern))
  (func $init)
  (func $run (param i32) (result i32) (local i64 i64 f32)
    (call $log (local.get 0))
    (memory.init $text (i32.const 0) (i32.const 0) (i32.const 1))
    (try (result i32) (do (throw $mine (i32.const 1) (i32.const 2))) (catch $oops) (catch_all (i32.const 3))))
  (func $tail (param i32) (result i32) (return_call $run (local.get 0)))
  (data (i32.const 8) "hello\\00\\0b")
  (data $text "passive")
  (data (global.get $base) "")
)`

/** Initialisers that compute, which Node has from version 22 on. */
export const extendedConstants = `(module
  (import "env" "base" (global $base i32))
  (memory 1)
  (global $sum i32 (i32.add (global.get $base) (i32.mul (i32.const 3) (i32.const 100000))))
  (global $wide i64 (i64.sub (i64.const 0x7fffffffffffffff) (i64.const -1)))
  (data (i32.add (global.get $base) (i32.const 4)) "x")
)`
