import type { WasmModule } from '../../wasm-shim/module/model.ts'
import { type ModuleNames, readNames } from '../../wasm-shim/module/names.ts'
import { readModule } from '../../wasm-shim/module/read.ts'
import { decodeMetadata, metadataSection } from '../../wasm-shim/prelink/index.ts'

/** Names for what a checkpoint knows by number. */
export interface StackNames {
  /** The function that holds a call site, by site number. */
  functionOfSite(site: number): { readonly index: number; readonly name?: string } | undefined
  /** 'fd_read', or 'a loop' for the poll, import -1. */
  importName(index: number): string
}

/** `prelinked` is the same module as it ran: site numbers come from pre-linking. */
export function readStackNames(moduleBytes: Uint8Array, prelinked: Uint8Array): StackNames {
  const module = readModule(moduleBytes)
  const names = readNames(module)
  const { firstSite } = metadataOf(prelinked)
  return {
    functionOfSite(site) {
      const index = lastAtMost(firstSite, site)
      if (index < 0 || index >= module.functions.length) return undefined
      const name = names.functionName(index)
      return { index, ...(name !== undefined && { name }) }
    },
    importName: (index) => importName(module, names, index),
  }
}

function metadataOf(prelinked: Uint8Array) {
  const module = readModule(prelinked)
  const section = module.sections.find((candidate) => candidate.name === metadataSection)
  const { start, end } = section?.body ?? { start: 0, end: 0 }
  return decodeMetadata(prelinked.subarray(start, end))
}

function importName(module: WasmModule, names: ModuleNames, index: number): string {
  if (index < 0) return 'a poll in a loop'
  return (
    module.imports.filter(({ desc }) => desc.kind === 'func')[index]?.name ??
    names.functionName(index) ??
    `import ${index}`
  )
}

/** The last position whose number is at most `wanted`, in an ascending list; -1 for none. */
function lastAtMost(ascending: Uint32Array, wanted: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) <= wanted) low = middle + 1
    else high = middle
  }
  return low - 1
}
