import { findRow, type Row } from '../../wasm-shim/wasi/abi.ts'
import { GuestMemory } from '../../wasm-shim/wasi/guest-memory.ts'
import { accessPlan, CallAccess } from '../../wasm-shim/wasi/host-writes.ts'
import { type LoggedFunction, wordPlan } from '../log/functions.ts'
import { CallSlots } from './call-slots.ts'
import type { ImportSite } from './interceptor.ts'

/** The guest's memory; a callback, since there is none before the module is instantiated, and growth detaches buffers. */
export type MemorySource = () => WebAssembly.Memory

/**
 * The row that describes an import. Default: WASI's table. An embedder describes functions of its own likewise; those
 * without a row are taken for effects that write no memory. A function with a row must not call the guest back.
 */
export type RowLookup = (module: string, name: string) => Row | undefined

export interface MemoryOptions {
  readonly memory: MemorySource
  readonly rows?: RowLookup
}

/** An import with all that interceptors need to look at its calls. */
export interface CallSite {
  readonly site: ImportSite
  readonly row: Row | undefined
  readonly shape: LoggedFunction
  readonly slots: CallSlots
  /** Absent where there is no row. */
  readonly access: CallAccess | undefined
  readonly memory: GuestMemory
}

export function guestMemory(memory: MemorySource): GuestMemory {
  const guest = new GuestMemory()
  guest.attach(memory)
  return guest
}

/** `writtenBytes`: whether what the guest writes counts as input. */
export function callSite(
  site: ImportSite,
  memory: GuestMemory,
  rows: RowLookup | undefined,
  writtenBytes: boolean,
): CallSite {
  const row = (rows ?? findRow)(site.module, site.name) ?? findRow(site.module, site.name)
  const shape = shapeOf(site, row, writtenBytes)
  const slots = new CallSlots(wordPlan(shape), site.params, site.results)
  const access = row && new CallAccess(row, memory, writtenBytes)
  return { site, row, shape, slots, access, memory }
}

function shapeOf(site: ImportSite, row: Row | undefined, writtenBytes: boolean): LoggedFunction {
  const { module, name, params, results } = site
  const plan = row && accessPlan(row, writtenBytes)
  return {
    module,
    name,
    params,
    results,
    resultWords: plan?.resultWords ?? 0,
    input: (plan?.inputs.length ?? 0) > 0,
    output: (plan?.outputs.length ?? 0) > 0,
  }
}
