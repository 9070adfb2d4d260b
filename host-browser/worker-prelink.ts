import type { ContinuationStore } from '../runtime/engine/continuation-linker.ts'
import type { Engine, EngineOptions } from '../runtime/engine/engine.ts'
import { exceptionEncoding } from '../runtime/engine/exception-encoding.ts'
import { createInstrumentedEngine } from '../runtime/engine/instrumented.ts'
import { chunkAddress } from '../runtime/log/chunks.ts'
import type { GuestInit } from '../runtime/session/messages.ts'
import { hex } from '../wasm-shim/bytes/arrays.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { type PollMode, prelink, prelinkVersion } from '../wasm-shim/prelink/index.ts'
import { buildIdentity } from './build-identity.ts'
import { cacheKey, readAll, readCache } from './prelink-cache.ts'
import type { ToWorker } from './worker-messages.ts'

/** Keeps bytes in the page's cache. */
export type Keep = (key: string, bytes: Uint8Array<ArrayBuffer>) => void

export type EngineMaker = (options: EngineOptions) => Engine

/**
 * Makes the module ready before the guest's thread is busy. The result, when called, throws what is wrong with the
 * module. `keep` is absent where nothing is kept.
 */
export async function prepareModule(
  { module, polls, engine, beginning }: GuestInit,
  keep: Keep | undefined,
  early: CompiledEarly | undefined,
): Promise<() => EngineMaker> {
  if (engine === 'log-only') return refuseToPrepare
  const exceptions = exceptionEncoding()
  const identity = identityOf(module.sha256, polls)
  const key = cacheKey(identity, 'wasm')
  try {
    const isReady = keep !== undefined && early?.identity === identity
    const compiled = keep === undefined ? undefined : await (isReady ? early.module : compileCached(key))
    const ready = compiled ?? (await compileAnew(module.bytes, { polls, exceptions }, (bytes) => keep?.(key, bytes)))
    const continuations =
      keep === undefined || beginning.image === undefined ? undefined : await continuationsOf(identity, keep)
    return () => (options) =>
      createInstrumentedEngine({ module: ready, original: () => module.bytes, continuations, options })
  } catch (error) {
    return () => {
      throw error
    }
  }
}

const identityOf = (sha256: string, polls: PollMode): string =>
  [sha256, polls, exceptionEncoding(), prelinkVersion, buildIdentity()].join('-')

/** A module that is being compiled before anybody asks for it. */
export interface CompiledEarly {
  readonly identity: string
  /** undefined where the cache does not have it. */
  readonly module: Promise<WebAssembly.Module | undefined>
}

export function compileEarly({ sha256, polls }: ToWorker['prepare']): CompiledEarly {
  const identity = identityOf(sha256, polls)
  return { identity, module: compileCached(cacheKey(identity, 'wasm')) }
}

async function compileCached(key: string): Promise<WebAssembly.Module | undefined> {
  const cached = await readCache(key)
  return cached === undefined ? undefined : WebAssembly.compile(cached).catch(() => undefined)
}

const refuseToPrepare = (): never => {
  throw new Error('the log-only engine prepares its module by itself')
}

async function compileAnew(
  module: Uint8Array,
  options: Parameters<typeof prelink>[1],
  keep: (bytes: Uint8Array<ArrayBuffer>) => void,
): Promise<WebAssembly.Module> {
  const { bytes } = prelink(module, options)
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice()
  try {
    const compiled = await WebAssembly.compile(own)
    keep(own)
    return compiled
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StasisError('STASIS_MODULE_INVALID', `The pre-linked module does not compile: ${reason}.`, {}, { cause })
  }
}

async function continuationsOf(identity: string, keep: Keep): Promise<ContinuationStore> {
  const known = await readAll(`${identity}-`)
  const keyOf = (key: string) => cacheKey(`${identity}-${fingerprint(key)}`, 'resume')
  return {
    read: (key) => known.get(keyOf(key)),
    write: (key, bytes) => keep(keyOf(key), bytes.slice()),
  }
}

const fingerprint = (text: string): string => hex(chunkAddress(new TextEncoder().encode(text)))
