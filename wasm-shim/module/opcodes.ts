/**
 * The one table of instructions: reader, analysis and emitter are driven by it.
 *
 * A row is `code name signature immediate`. The signature is `popped>pushed`, one letter a value: i I f F v for i32 i64
 * f32 f64 v128, r for funcref/externref as the immediate says, a for an address (i32, or i64 in a 64-bit memory or
 * table), `*` where it depends on the instruction's context. Source: WebAssembly core specification, "Index of
 * Instructions"; exception handling (legacy and final), tail calls, threads and relaxed SIMD proposals.
 */
import { ValType } from './model.ts'

/** Shapes of what follows an opcode. */
export const Immediate = {
  none: 0,
  block: 1,
  label: 2,
  labels: 3,
  func: 4,
  indirect: 5,
  local: 6,
  global: 7,
  table: 8,
  memarg: 9,
  memory: 10,
  i32: 11,
  i64: 12,
  f32: 13,
  f64: 14,
  refType: 15,
  dataMemory: 16,
  data: 17,
  memoryMemory: 18,
  elemTable: 19,
  elem: 20,
  tableTable: 21,
  lane: 22,
  memargLane: 23,
  bytes16: 24,
  types: 25,
  tryTable: 26,
  tag: 27,
  byte: 28,
} as const
export type Immediate = (typeof Immediate)[keyof typeof Immediate]

/** Opcodes that the code names. Prefixed ones are numbered `prefixBase + suffix`. */
export const Op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  try: 0x06,
  catch: 0x07,
  throw: 0x08,
  rethrow: 0x09,
  throwRef: 0x0a,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  delegate: 0x18,
  catchAll: 0x19,
  drop: 0x1a,
  select: 0x1b,
  selectTyped: 0x1c,
  tryTable: 0x1f,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  tableGet: 0x25,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  i32Eqz: 0x45,
  i32GeU: 0x4f,
  i32Add: 0x6a,
  i64Or: 0x84,
  i64Shl: 0x86,
  i64ShrU: 0x88,
  i32WrapI64: 0xa7,
  i64ExtendI32U: 0xad,
  i32ReinterpretF32: 0xbc,
  i64ReinterpretF64: 0xbd,
  f32ReinterpretI32: 0xbe,
  f64ReinterpretI64: 0xbf,
  refNull: 0xd0,
  refIsNull: 0xd1,
  refFunc: 0xd2,
  memoryInit: 0x108,
  dataDrop: 0x109,
  tableInit: 0x10c,
  elemDrop: 0x10d,
  tableCopy: 0x10e,
  tableGrow: 0x10f,
  tableSize: 0x110,
  tableFill: 0x111,
} as const

export const prefixBase = { 252: 0x100, 253: 0x200, 254: 0x400 } as const
const opcodeSpace = 0x480

const control = `
00 unreachable > none
01 nop > none
02 block * block
03 loop * block
04 if * block
05 else * none
06 try * block
07 catch * tag
08 throw * tag
09 rethrow > label
0a throw_ref * none
0b end * none
0c br * label
0d br_if i> label
0e br_table i> labels
0f return * none
10 call * func
11 call_indirect * indirect
12 return_call * func
13 return_call_indirect * indirect
18 delegate * label
19 catch_all * none
1a drop * none
1b select * none
1c select * types
1f try_table * tryTable
20 local.get * local
21 local.set * local
22 local.tee * local
23 global.get * global
24 global.set * global
25 table.get * table
26 table.set * table
`

const memory = `
28 i32.load a>i
29 i64.load a>I
2a f32.load a>f
2b f64.load a>F
2c i32.load8_s a>i
2d i32.load8_u a>i
2e i32.load16_s a>i
2f i32.load16_u a>i
30 i64.load8_s a>I
31 i64.load8_u a>I
32 i64.load16_s a>I
33 i64.load16_u a>I
34 i64.load32_s a>I
35 i64.load32_u a>I
36 i32.store ai>
37 i64.store aI>
38 f32.store af>
39 f64.store aF>
3a i32.store8 ai>
3b i32.store16 ai>
3c i64.store8 aI>
3d i64.store16 aI>
3e i64.store32 aI>
`
  .trim()
  .replace(/$/gm, ' memarg')

const numeric = `
3f memory.size >a memory
40 memory.grow a>a memory
41 i32.const >i i32
42 i64.const >I i64
43 f32.const >f f32
44 f64.const >F f64
d0 ref.null * refType
d1 ref.is_null *>i none
d2 ref.func > func
`

/** Runs of consecutive one-byte opcodes that share type and signature. */
const runs: readonly (readonly [first: number, type: string, signature: string, names: string])[] = [
  [0x45, 'i32', 'i>i', 'eqz'],
  [0x46, 'i32', 'ii>i', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [0x50, 'i64', 'I>i', 'eqz'],
  [0x51, 'i64', 'II>i', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [0x5b, 'f32', 'ff>i', 'eq ne lt gt le ge'],
  [0x61, 'f64', 'FF>i', 'eq ne lt gt le ge'],
  [0x67, 'i32', 'i>i', 'clz ctz popcnt'],
  [0x6a, 'i32', 'ii>i', 'add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr'],
  [0x79, 'i64', 'I>I', 'clz ctz popcnt'],
  [0x7c, 'i64', 'II>I', 'add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr'],
  [0x8b, 'f32', 'f>f', 'abs neg ceil floor trunc nearest sqrt'],
  [0x92, 'f32', 'ff>f', 'add sub mul div min max copysign'],
  [0x99, 'f64', 'F>F', 'abs neg ceil floor trunc nearest sqrt'],
  [0xa0, 'f64', 'FF>F', 'add sub mul div min max copysign'],
  [0xa7, 'i32', 'I>i', 'wrap_i64'],
  [0xa8, 'i32', 'f>i', 'trunc_f32_s trunc_f32_u'],
  [0xaa, 'i32', 'F>i', 'trunc_f64_s trunc_f64_u'],
  [0xac, 'i64', 'i>I', 'extend_i32_s extend_i32_u'],
  [0xae, 'i64', 'f>I', 'trunc_f32_s trunc_f32_u'],
  [0xb0, 'i64', 'F>I', 'trunc_f64_s trunc_f64_u'],
  [0xb2, 'f32', 'i>f', 'convert_i32_s convert_i32_u'],
  [0xb4, 'f32', 'I>f', 'convert_i64_s convert_i64_u'],
  [0xb6, 'f32', 'F>f', 'demote_f64'],
  [0xb7, 'f64', 'i>F', 'convert_i32_s convert_i32_u'],
  [0xb9, 'f64', 'I>F', 'convert_i64_s convert_i64_u'],
  [0xbb, 'f64', 'f>F', 'promote_f32'],
  [0xbc, 'i32', 'f>i', 'reinterpret_f32'],
  [0xbd, 'i64', 'F>I', 'reinterpret_f64'],
  [0xbe, 'f32', 'i>f', 'reinterpret_i32'],
  [0xbf, 'f64', 'I>F', 'reinterpret_i64'],
  [0xc0, 'i32', 'i>i', 'extend8_s extend16_s'],
  [0xc2, 'i64', 'I>I', 'extend8_s extend16_s extend32_s'],
]

const bulk = `
00 i32.trunc_sat_f32_s f>i none
01 i32.trunc_sat_f32_u f>i none
02 i32.trunc_sat_f64_s F>i none
03 i32.trunc_sat_f64_u F>i none
04 i64.trunc_sat_f32_s f>I none
05 i64.trunc_sat_f32_u f>I none
06 i64.trunc_sat_f64_s F>I none
07 i64.trunc_sat_f64_u F>I none
08 memory.init aii> dataMemory
09 data.drop > data
0a memory.copy aaa> memoryMemory
0b memory.fill aia> memory
0c table.init aii> elemTable
0d elem.drop > elem
0e table.copy aaa> tableTable
0f table.grow ra>a table
10 table.size >a table
11 table.fill ara> table
13 i64.add128 IIII>II none
14 i64.sub128 IIII>II none
15 i64.mul_wide_s II>II none
16 i64.mul_wide_u II>II none
`

/** SIMD as runs: first suffix, lane shape, signature, immediate, names. */
const simd: readonly (readonly [number, string, string, string, string])[] = [
  [0, 'v128', 'a>v', 'memarg', 'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u'],
  [7, 'v128', 'a>v', 'memarg', 'load8_splat load16_splat load32_splat load64_splat'],
  [11, 'v128', 'av>', 'memarg', 'store'],
  [12, 'v128', '>v', 'bytes16', 'const'],
  [13, 'i8x16', 'vv>v', 'bytes16', 'shuffle'],
  [14, 'i8x16', 'vv>v', 'none', 'swizzle'],
  [15, 'i8x16', 'i>v', 'none', 'splat'],
  [16, 'i16x8', 'i>v', 'none', 'splat'],
  [17, 'i32x4', 'i>v', 'none', 'splat'],
  [18, 'i64x2', 'I>v', 'none', 'splat'],
  [19, 'f32x4', 'f>v', 'none', 'splat'],
  [20, 'f64x2', 'F>v', 'none', 'splat'],
  [21, 'i8x16', 'v>i', 'lane', 'extract_lane_s extract_lane_u'],
  [23, 'i8x16', 'vi>v', 'lane', 'replace_lane'],
  [24, 'i16x8', 'v>i', 'lane', 'extract_lane_s extract_lane_u'],
  [26, 'i16x8', 'vi>v', 'lane', 'replace_lane'],
  [27, 'i32x4', 'v>i', 'lane', 'extract_lane'],
  [28, 'i32x4', 'vi>v', 'lane', 'replace_lane'],
  [29, 'i64x2', 'v>I', 'lane', 'extract_lane'],
  [30, 'i64x2', 'vI>v', 'lane', 'replace_lane'],
  [31, 'f32x4', 'v>f', 'lane', 'extract_lane'],
  [32, 'f32x4', 'vf>v', 'lane', 'replace_lane'],
  [33, 'f64x2', 'v>F', 'lane', 'extract_lane'],
  [34, 'f64x2', 'vF>v', 'lane', 'replace_lane'],
  [35, 'i8x16', 'vv>v', 'none', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [45, 'i16x8', 'vv>v', 'none', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [55, 'i32x4', 'vv>v', 'none', 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u'],
  [65, 'f32x4', 'vv>v', 'none', 'eq ne lt gt le ge'],
  [71, 'f64x2', 'vv>v', 'none', 'eq ne lt gt le ge'],
  [77, 'v128', 'v>v', 'none', 'not'],
  [78, 'v128', 'vv>v', 'none', 'and andnot or xor'],
  [82, 'v128', 'vvv>v', 'none', 'bitselect'],
  [83, 'v128', 'v>i', 'none', 'any_true'],
  [84, 'v128', 'av>v', 'memargLane', 'load8_lane load16_lane load32_lane load64_lane'],
  [88, 'v128', 'av>', 'memargLane', 'store8_lane store16_lane store32_lane store64_lane'],
  [92, 'v128', 'a>v', 'memarg', 'load32_zero load64_zero'],
  [94, 'f32x4', 'v>v', 'none', 'demote_f64x2_zero'],
  [95, 'f64x2', 'v>v', 'none', 'promote_low_f32x4'],
  [96, 'i8x16', 'v>v', 'none', 'abs neg popcnt'],
  [99, 'i8x16', 'v>i', 'none', 'all_true bitmask'],
  [101, 'i8x16', 'vv>v', 'none', 'narrow_i16x8_s narrow_i16x8_u'],
  [103, 'f32x4', 'v>v', 'none', 'ceil floor trunc nearest'],
  [107, 'i8x16', 'vi>v', 'none', 'shl shr_s shr_u'],
  [110, 'i8x16', 'vv>v', 'none', 'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'],
  [116, 'f64x2', 'v>v', 'none', 'ceil floor'],
  [118, 'i8x16', 'vv>v', 'none', 'min_s min_u max_s max_u'],
  [122, 'f64x2', 'v>v', 'none', 'trunc'],
  [123, 'i8x16', 'vv>v', 'none', 'avgr_u'],
  [124, 'i16x8', 'v>v', 'none', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u'],
  [126, 'i32x4', 'v>v', 'none', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u'],
  [128, 'i16x8', 'v>v', 'none', 'abs neg'],
  [130, 'i16x8', 'vv>v', 'none', 'q15mulr_sat_s'],
  [131, 'i16x8', 'v>i', 'none', 'all_true bitmask'],
  [133, 'i16x8', 'vv>v', 'none', 'narrow_i32x4_s narrow_i32x4_u'],
  [135, 'i16x8', 'v>v', 'none', 'extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u'],
  [139, 'i16x8', 'vi>v', 'none', 'shl shr_s shr_u'],
  [142, 'i16x8', 'vv>v', 'none', 'add add_sat_s add_sat_u sub sub_sat_s sub_sat_u'],
  [148, 'f64x2', 'v>v', 'none', 'nearest'],
  [149, 'i16x8', 'vv>v', 'none', 'mul min_s min_u max_s max_u'],
  [155, 'i16x8', 'vv>v', 'none', 'avgr_u'],
  [156, 'i16x8', 'vv>v', 'none', 'extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u'],
  [160, 'i32x4', 'v>v', 'none', 'abs neg'],
  [163, 'i32x4', 'v>i', 'none', 'all_true bitmask'],
  [167, 'i32x4', 'v>v', 'none', 'extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u'],
  [171, 'i32x4', 'vi>v', 'none', 'shl shr_s shr_u'],
  [174, 'i32x4', 'vv>v', 'none', 'add'],
  [177, 'i32x4', 'vv>v', 'none', 'sub'],
  [181, 'i32x4', 'vv>v', 'none', 'mul min_s min_u max_s max_u dot_i16x8_s'],
  [188, 'i32x4', 'vv>v', 'none', 'extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u'],
  [192, 'i64x2', 'v>v', 'none', 'abs neg'],
  [195, 'i64x2', 'v>i', 'none', 'all_true bitmask'],
  [199, 'i64x2', 'v>v', 'none', 'extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u'],
  [203, 'i64x2', 'vi>v', 'none', 'shl shr_s shr_u'],
  [206, 'i64x2', 'vv>v', 'none', 'add'],
  [209, 'i64x2', 'vv>v', 'none', 'sub'],
  [213, 'i64x2', 'vv>v', 'none', 'mul eq ne lt_s gt_s le_s ge_s'],
  [220, 'i64x2', 'vv>v', 'none', 'extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u'],
  [224, 'f32x4', 'v>v', 'none', 'abs neg'],
  [227, 'f32x4', 'v>v', 'none', 'sqrt'],
  [228, 'f32x4', 'vv>v', 'none', 'add sub mul div min max pmin pmax'],
  [236, 'f64x2', 'v>v', 'none', 'abs neg'],
  [239, 'f64x2', 'v>v', 'none', 'sqrt'],
  [240, 'f64x2', 'vv>v', 'none', 'add sub mul div min max pmin pmax'],
  [248, 'i32x4', 'v>v', 'none', 'trunc_sat_f32x4_s trunc_sat_f32x4_u'],
  [250, 'f32x4', 'v>v', 'none', 'convert_i32x4_s convert_i32x4_u'],
  [252, 'i32x4', 'v>v', 'none', 'trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero'],
  [254, 'f64x2', 'v>v', 'none', 'convert_low_i32x4_s convert_low_i32x4_u'],
  [256, 'i8x16', 'vv>v', 'none', 'relaxed_swizzle'],
  [257, 'i32x4', 'v>v', 'none', 'relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u'],
  [259, 'i32x4', 'v>v', 'none', 'relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero'],
  [261, 'f32x4', 'vvv>v', 'none', 'relaxed_madd relaxed_nmadd'],
  [263, 'f64x2', 'vvv>v', 'none', 'relaxed_madd relaxed_nmadd'],
  [265, 'i8x16', 'vvv>v', 'none', 'relaxed_laneselect'],
  [266, 'i16x8', 'vvv>v', 'none', 'relaxed_laneselect'],
  [267, 'i32x4', 'vvv>v', 'none', 'relaxed_laneselect'],
  [268, 'i64x2', 'vvv>v', 'none', 'relaxed_laneselect'],
  [269, 'f32x4', 'vv>v', 'none', 'relaxed_min relaxed_max'],
  [271, 'f64x2', 'vv>v', 'none', 'relaxed_min relaxed_max'],
  [273, 'i16x8', 'vv>v', 'none', 'relaxed_q15mulr_s relaxed_dot_i8x16_i7x16_s'],
  [275, 'i32x4', 'vvv>v', 'none', 'relaxed_dot_i8x16_i7x16_add_s'],
]

const atomicAccess = ['i32', 'i64', 'i32 8', 'i32 16', 'i64 8', 'i64 16', 'i64 32']
const atomicReadModifyWrite = ['add', 'sub', 'and', 'or', 'xor', 'xchg']

export interface Opcode {
  readonly code: number
  readonly name: string
  readonly immediate: Immediate
  /** Popped and pushed letters; undefined where the context decides (`*`). */
  readonly popped: string | undefined
  readonly pushed: string | undefined
}

function buildTable(): Opcode[] {
  const table: Opcode[] = []
  const add = (code: number, name: string, signature: string, immediate: keyof typeof Immediate) => {
    const [popped, pushed] = signature.includes('>') ? signature.split('>') : ['*', '*']
    table[code] = {
      code,
      name,
      immediate: Immediate[immediate],
      popped: popped === '*' ? undefined : popped,
      pushed: pushed === '*' ? undefined : pushed,
    }
  }
  const addRows = (rows: string, base: number) => {
    for (const row of rows.trim().split('\n')) {
      const [code, name, signature, immediate] = row.split(' ') as [string, string, string, keyof typeof Immediate]
      add(base + Number.parseInt(code, 16), name, signature, immediate)
    }
  }
  addRows(control, 0)
  addRows(memory, 0)
  addRows(numeric, 0)
  for (const [first, type, signature, names] of runs) {
    names.split(' ').forEach((name, i) => {
      add(first + i, `${type}.${name}`, signature, 'none')
    })
  }
  addRows(bulk, prefixBase[0xfc])
  for (const [first, shape, signature, immediate, names] of simd) {
    names.split(' ').forEach((name, i) => {
      add(prefixBase[0xfd] + first + i, `${shape}.${name}`, signature, immediate as keyof typeof Immediate)
    })
  }
  const atomics = prefixBase[0xfe]
  add(atomics, 'memory.atomic.notify', 'ai>i', 'memarg')
  add(atomics + 1, 'memory.atomic.wait32', 'aiI>i', 'memarg')
  add(atomics + 2, 'memory.atomic.wait64', 'aII>i', 'memarg')
  add(atomics + 3, 'atomic.fence', '>', 'byte')
  atomicAccess.forEach((access, i) => {
    const letter = access.startsWith('i64') ? 'I' : 'i'
    const [type, width = ''] = access.split(' ')
    const unsigned = width && '_u'
    add(atomics + 0x10 + i, `${type}.atomic.load${width}${unsigned}`, `a>${letter}`, 'memarg')
    add(atomics + 0x17 + i, `${type}.atomic.store${width}`, `a${letter}>`, 'memarg')
    const readModifyWrite = (operation: string) => `${type}.atomic.rmw${width}.${operation}${unsigned}`
    atomicReadModifyWrite.forEach((operation, j) => {
      add(atomics + 0x1e + 7 * j + i, readModifyWrite(operation), `a${letter}>${letter}`, 'memarg')
    })
    add(atomics + 0x48 + i, readModifyWrite('cmpxchg'), `a${letter}${letter}>${letter}`, 'memarg')
  })
  return table
}

/** By opcode number (prefixed ones offset by `prefixBase`); holes are unknown opcodes. */
export const opcodes: readonly (Opcode | undefined)[] = buildTable()

export const unknownOpcode = 0xff
/** Stack effects that the table cannot state alone. */
export const dynamicEffect = 0xff

/** Immediate of each opcode, or `unknownOpcode`. */
export const immediateOf = new Uint8Array(opcodeSpace).fill(unknownOpcode)
/** How many operands each opcode pops, or `dynamicEffect`. */
export const popCount = new Uint8Array(opcodeSpace).fill(dynamicEffect)
/** Type pushed (0 for none), or `dynamicEffect` for context, addresses, and more than one value. */
export const pushType = new Uint8Array(opcodeSpace).fill(dynamicEffect)

const letterType: Readonly<Record<string, number>> = {
  i: ValType.i32,
  I: ValType.i64,
  f: ValType.f32,
  F: ValType.f64,
  v: ValType.v128,
}

for (const row of opcodes) {
  if (row === undefined) continue
  immediateOf[row.code] = row.immediate
  if (row.popped !== undefined) popCount[row.code] = row.popped.length
  if (row.pushed === '') pushType[row.code] = 0
  else if (row.pushed?.length === 1) pushType[row.code] = letterType[row.pushed] ?? dynamicEffect
}
// `ref.is_null` pops one reference of any type; `ref.func` pops nothing and pushes a funcref.
popCount[Op.refIsNull] = 1
popCount[Op.refFunc] = 0
pushType[Op.refFunc] = ValType.funcref
popCount[Op.refNull] = 0
