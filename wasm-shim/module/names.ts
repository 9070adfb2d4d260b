import { ByteReader } from '../bytes/reader.ts'
import { isStasisError } from '../errors.ts'
import type { WasmModule } from './model.ts'

/** Lenient, since these names are only shown to people. */
const utf8 = new TextDecoder()

const functionNames = 1

/** Names for stack traces and `inspect`. */
export interface ModuleNames {
  /**
   * The name of a function: from the `name` section, else the first name it is exported by, else `module.name` of its
   * import.
   */
  functionName(index: number): string | undefined
}

/**
 * Names from the custom section `name` (core spec, appendix 7.4). It is read at the first question. As the
 * specification demands, a malformed one is no error: what precedes the defect counts.
 */
export function readNames(module: WasmModule): ModuleNames {
  let offsets: Uint32Array | undefined
  let linked: ReadonlyMap<number, string> | undefined
  return {
    functionName(index) {
      offsets ??= readOffsets(module)
      const at = offsets[index] ?? 0
      if (at !== 0) return decodeName(module, at)
      linked ??= linkNames(module)
      return linked.get(index)
    },
  }
}

/** Where each function's name (length and bytes) starts; 0 for none. Every name found lies inside the module. */
function readOffsets(module: WasmModule): Uint32Array {
  const offsets = new Uint32Array(module.functions.length)
  const section = module.sections.find((candidate) => candidate.name === 'name')
  if (section === undefined) return offsets
  try {
    const reader = new ByteReader(module.bytes, section.body.start, section.body.end)
    while (reader.remaining > 0) {
      const id = reader.u8()
      const body = reader.sub(reader.u32())
      if (id === functionNames) readFunctionNames(body, offsets)
    }
  } catch (error) {
    if (!isStasisError(error)) throw error
  }
  return offsets
}

function readFunctionNames(reader: ByteReader, offsets: Uint32Array): void {
  for (let left = reader.count(2); left > 0; left--) {
    const index = reader.u32()
    const at = reader.pos
    reader.skip(reader.u32())
    // An index beyond the functions falls off the end of the typed array.
    offsets[index] = at
  }
}

function decodeName(module: WasmModule, at: number): string {
  const reader = new ByteReader(module.bytes, at)
  const length = reader.u32()
  const start = reader.skip(length)
  return utf8.decode(module.bytes.subarray(start, start + length))
}

function linkNames(module: WasmModule): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  for (const { kind, name, index } of module.exports) if (kind === 'func' && !names.has(index)) names.set(index, name)
  let index = 0
  for (const { module: from, name, desc } of module.imports) {
    if (desc.kind !== 'func') continue
    if (!names.has(index)) names.set(index, `${from}.${name}`)
    index++
  }
  return names
}
