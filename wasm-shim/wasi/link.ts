import { abis, type Param, type Row } from './abi.ts'
import type { Call, Context } from './context.ts'
import { Errno } from './errno.ts'
import { WaitInterrupted } from './host.ts'
import { type RecordValue, setNumber64, sizeOf, writeRecord, writers } from './record.ts'

/** A WASI function as WebAssembly calls it: i32 as number, i64 as bigint; the result is an errno. */
export type WasiFunction = (...args: never[]) => unknown

// biome-ignore lint/suspicious/noExplicitAny: what the row says is checked by the tests of every row
type Erased = (...values: any[]) => any

/**
 * Turns a row and its call into the function that the guest imports: decode the parameters from guest memory, check
 * every out-pointer before anything happens, perform, apply, encode the results. Calls that guests make in tight loops
 * have shapes with their own code, without arrays or rest parameters; the result is the same.
 */
export function bind(row: Row, call: Call, context: Context): WasiFunction {
  const perform = call.perform as Erased
  const apply = (call.apply ?? (() => undefined)) as Erased
  const shape = shapes[shapeOf(row)]
  return shape ? shape(context, perform, apply, row) : general(row, context, perform, apply)
}

/** For example 'fd,vectors>u32'. */
export function shapeOf(row: Row): string {
  const params = row.params.map((param) => (param.kind === 'scalar' ? param.type : param.kind))
  const values = row.params.some((param) => remapping(param) !== undefined) ? '!' : ''
  return `${params.join()}${values}>${row.results.map((result) => (result.kind === 'scalar' ? result.type : 'record')).join()}`
}

type Bind = (context: Context, perform: Erased, apply: Erased, row: Row) => WasiFunction

const shapes: Readonly<Record<string, Bind>> = {
  'fd,vectors>u32': (context, perform, apply) => {
    const { memory, state } = context
    return (fd: number, vectors: number, count: number, out: number): number => {
      const errno = memory.readVectors(vectors >>> 0, count >>> 0)
      if (errno !== 0) return errno
      if (!memory.fits(out >>> 0, 4)) return Errno.EFAULT
      const outcome: number | { nwritten: number } = perform(context, fd >>> 0)
      if (typeof outcome === 'number') {
        if (outcome < 0) return -outcome
        apply(state, outcome, fd >>> 0)
        memory.view.setUint32(out >>> 0, outcome, true)
        return 0
      }
      apply(state, outcome, fd >>> 0)
      memory.view.setUint32(out >>> 0, outcome.nwritten, true)
      return 0
    }
  },
  'u32,u64>u64': (context, perform, apply) => {
    const { memory, state } = context
    return (id: number, _precision: bigint, out: number): number => {
      if (!memory.fits(out >>> 0, 8)) return Errno.EFAULT
      const outcome: bigint | number = perform(context, id >>> 0)
      if (typeof outcome === 'number') return -outcome
      apply(state, outcome, id >>> 0)
      memory.setU64(out >>> 0, outcome)
      return 0
    }
  },
  'fd,s64,u8>u64': (context, perform, apply) => {
    const { memory, state } = context
    return (fd: number, offset: bigint, whence: number, out: number): number => {
      if (!memory.fits(out >>> 0, 8)) return Errno.EFAULT
      const outcome: number = perform(context, fd >>> 0, offset, whence >>> 0)
      if (outcome < 0) return -outcome
      apply(state, outcome, fd >>> 0)
      setNumber64(memory.view, out >>> 0, outcome)
      return 0
    }
  },
  'buffer>': (context, perform) => {
    const { memory } = context
    return (pointer: number, length: number): number => {
      if (!memory.fits(pointer >>> 0, length >>> 0)) return Errno.EFAULT
      return -perform(context, memory.slice(pointer >>> 0, length >>> 0))
    }
  },
  'fd,u32,string,u16,u64,u64,u16>u32': (context, perform, apply, row) => {
    const { memory, state } = context
    const [, unknownLookup = 0, , unknownOflags = 0, , , unknownFdflags = 0] = row.params.map(unknownBits)
    return (
      fd: number,
      lookup: number,
      pointer: number,
      length: number,
      oflags: number,
      rights: bigint,
      inheriting: bigint,
      fdflags: number,
      out: number,
    ): number => {
      if ((lookup & unknownLookup) !== 0) return Errno.EINVAL
      const path = memory.readString(pointer >>> 0, length >>> 0)
      if (typeof path === 'number') return -path
      if ((oflags & unknownOflags) !== 0 || (fdflags & unknownFdflags) !== 0) return Errno.EINVAL
      if (!memory.fits(out >>> 0, 4)) return Errno.EFAULT
      const base = BigInt.asUintN(64, rights)
      const all = BigInt.asUintN(64, inheriting)
      const outcome: number | { opened_fd: number } = perform(
        context,
        fd >>> 0,
        lookup,
        path,
        oflags,
        base,
        all,
        fdflags,
      )
      if (typeof outcome === 'number') return -outcome
      apply(state, outcome, fd >>> 0, lookup, path, oflags, base, all, fdflags)
      memory.view.setUint32(out >>> 0, outcome.opened_fd, true)
      return 0
    }
  },
  'fd,u32,string>record': (context, perform, apply, row) => {
    const { memory, state } = context
    const [, unknownLookup = 0] = row.params.map(unknownBits)
    const [result] = row.results
    if (result?.kind !== 'record') throw new Error(`${row.name} gives no record`)
    const { layout } = result
    return (fd: number, lookup: number, pointer: number, length: number, out: number): number => {
      if ((lookup & unknownLookup) !== 0) return Errno.EINVAL
      const path = memory.readString(pointer >>> 0, length >>> 0)
      if (typeof path === 'number') return -path
      if (!memory.fits(out >>> 0, layout.size)) return Errno.EFAULT
      const outcome: number | RecordValue = perform(context, fd >>> 0, lookup, path)
      if (typeof outcome === 'number') return -outcome
      apply(state, outcome, fd >>> 0, lookup, path)
      writeRecord(memory, out >>> 0, layout, outcome)
      return 0
    }
  },
  'fd>': (context, perform, apply) => {
    const { state } = context
    return (fd: number): number => {
      const outcome: number = perform(context, fd >>> 0)
      if (outcome < 0) return -outcome
      apply(state, outcome, fd >>> 0)
      return 0
    }
  },
}

/** wasi_unstable's numbers of an enumeration to preview1's, when they differ. */
function remapping(param: Param): readonly number[] | undefined {
  if (param.kind !== 'scalar' || param.values?.kind !== 'enum') return undefined
  const own = param.values.numbers
  const standard = standardValues.get(param.values.name)
  if (standard === undefined || standard === own) return undefined
  const numbers: number[] = []
  for (const [name, number] of Object.entries(own)) numbers[number] = standard[name]!
  return numbers
}

const standardValues = new Map(
  [...abis.wasi_snapshot_preview1.values()].flatMap((row) =>
    row.params.flatMap((param) =>
      param.kind === 'scalar' && param.values ? [[param.values.name, param.values.numbers] as const] : [],
    ),
  ),
)

interface Decoder {
  /** Wasm parameters it takes. */
  readonly width: 1 | 2
  /** The value; undefined where the call finds it in `context.memory`; a negated errno, the only negative number there is. */
  decode(context: Context, first: number | bigint, second: number | bigint): unknown
}

const word = (value: number | bigint | undefined): number => Number(value) >>> 0

const wordDecoder: Decoder = { width: 1, decode: (_, value) => word(value) }

/** Those that no flag has; 0 for what are no flags. */
function unknownBits(param: Param): number {
  if (param.kind !== 'scalar' || param.values?.kind !== 'flags') return 0
  return ~Object.values(param.values.numbers).reduce((all, bit) => all | bit, 0)
}

/** Unknown bits are EINVAL, as in wasmtime; rights, of which guests like to ask for all there may be, are let through. */
function flagsDecoder(param: Param): Decoder {
  const unknown = unknownBits(param)
  return { width: 1, decode: (_, value) => ((word(value) & unknown) === 0 ? word(value) : -Errno.EINVAL) }
}

function decoderOf(param: Param): Decoder {
  switch (param.kind) {
    case 'fd':
    case 'pointer':
      return wordDecoder
    case 'scalar': {
      if (param.type === 'u64') return { width: 1, decode: (_, value) => BigInt.asUintN(64, BigInt(value)) }
      if (param.type === 's64') return { width: 1, decode: (_, value) => value }
      if (param.values?.kind === 'flags') return flagsDecoder(param)
      const numbers = remapping(param)
      // An unknown number stays unknown: 255 is no value of any enumeration.
      return numbers ? { width: 1, decode: (_, value) => numbers[word(value)] ?? 255 } : wordDecoder
    }
    case 'string':
      return { width: 2, decode: ({ memory }, pointer, length) => memory.readString(word(pointer), word(length)) }
    case 'vectors':
      return {
        width: 2,
        decode: ({ memory }, pointer, count) => {
          const errno = memory.readVectors(word(pointer), word(count))
          return errno === 0 ? undefined : -errno
        },
      }
    case 'buffer':
      return {
        width: 2,
        decode: ({ memory }, pointer, length) =>
          memory.fits(word(pointer), word(length)) ? memory.slice(word(pointer), word(length)) : -Errno.EFAULT,
      }
  }
}

function general(row: Row, context: Context, perform: Erased, apply: Erased): WasiFunction {
  const decoders = row.params.map(decoderOf)
  const { memory, state } = context
  const { results } = row
  const isValue = row.returns === 'value'
  return (...args: (number | bigint)[]): number => {
    const params: unknown[] = []
    let at = 0
    for (const decoder of decoders) {
      const value = decoder.decode(context, args[at]!, args[at + 1]!)
      if (typeof value === 'number' && value < 0) return -value
      if (value !== undefined) params.push(value)
      at += decoder.width
    }
    for (let i = 0; i < results.length; i++) {
      if (!memory.fits(word(args[at + i]), sizeOf(results[i]!))) return Errno.EFAULT
    }
    const outcome: number | bigint | RecordValue = perform(context, ...params)
    if (isValue) return outcome as number
    if (typeof outcome === 'number' && outcome < 0) return -outcome
    apply(state, outcome, ...params)
    if (typeof outcome === 'object' && 'interrupted' in outcome) throw new WaitInterrupted()
    for (let i = 0; i < results.length; i++) {
      const result = results[i]!
      const pointer = word(args[at + i])
      if (result.kind === 'record') writeRecord(memory, pointer, result.layout, outcome as RecordValue)
      else writers[result.type](memory.view, pointer, typeof outcome === 'object' ? outcome[result.name]! : outcome)
    }
    return 0
  }
}
