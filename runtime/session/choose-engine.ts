import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { prepareLogOnly } from '../engine/log-only.ts'
import type { GuestThread } from './machine.ts'
import type { GuestInit } from './messages.ts'

export interface ChosenEngine {
  readonly kind: Engine['kind']
  /** Why it is not the one that would be better: a sentence. */
  readonly reason?: string
  readonly create: (options: EngineOptions) => Engine
}

/** What the pre-linker says of modules that are as they should be and that it cannot rewrite. */
export const refusals: ReadonlySet<string> = new Set(['STASIS_MODULE_UNSUPPORTED', 'STASIS_PRELINK_ENCODING'])

/**
 * Makes the module ready for the engine that was asked for; where none was, for the instrumented one, and for log-only
 * where that one cannot take the module. Throws STASIS_ENGINE_NEEDS_LOG beside what is wrong with the module.
 */
export function chooseEngine(
  thread: Pick<GuestThread, 'prepare'>,
  { module, polls, engine, log }: Pick<GuestInit, 'module' | 'polls' | 'engine' | 'log'>,
): ChosenEngine {
  if (engine === 'log-only') {
    if (log === undefined) throw needsLog('The log-only engine was asked for.')
    return { kind: engine, create: prepareLogOnly(module.bytes) }
  }
  try {
    return { kind: 'instrumented', create: thread.prepare(module, polls) }
  } catch (error) {
    if (engine !== undefined || !isStasisError(error) || !refusals.has(error.code)) throw error
    const create = prepareLogOnly(module.bytes)
    if (log === undefined) throw needsLog(error.message, error)
    return { kind: 'log-only', reason: error.message, create }
  }
}

function needsLog(why: string, cause?: StasisError): StasisError {
  const message =
    `${why} Without checkpoints a session is brought back by its call log alone, and this one keeps none: ` +
    'leave out --no-log (log: false), and use a store in a directory.'
  return new StasisError('STASIS_ENGINE_NEEDS_LOG', message, {}, { cause })
}
