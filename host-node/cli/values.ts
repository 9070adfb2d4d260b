import { didYouMean } from './suggest.ts'
import { UsageError } from './usage-error.ts'

export const text = (given: string): string => given

const millisecondsOf: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** '10s', '500ms', '1.5m', '2h' in milliseconds. A bare number is refused: nobody agrees on its unit. */
export function parseDuration(given: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(given)
  const unit = match?.[2]
  if (match && unit === undefined) throw new UsageError(`"${given}" has no unit; write ${given}s or ${given}ms.`)
  const milliseconds = match && unit ? Number(match[1]) * (millisecondsOf[unit] as number) : 0
  // setInterval turns anything above 2^31-1 ms into 1 ms.
  if (milliseconds < 1 || milliseconds > 0x7fff_ffff)
    throw new UsageError(`"${given}" is no duration from 1ms to 24 days; write 500ms, 10s, 5m or 1h.`)
  return milliseconds
}

/** The same for what no timer waits for, and in days too. */
export function parseLongDuration(given: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(given)
  const unit = match?.[2] === 'd' ? 24 * 3_600_000 : millisecondsOf[match?.[2] ?? '']
  const milliseconds = match && unit !== undefined ? Number(match[1]) * unit : 0
  if (milliseconds >= 1) return milliseconds
  throw new UsageError(`"${given}" is no duration; write 30m, 12h or 7d.`)
}

const bytesOf: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }

/** '500', '64k', '256M', '1.5G' (also 'KB', 'MB', 'GB') in bytes; powers of ten, as sizes are shown. */
export function parseSize(given: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)b?$/i.exec(given)
  const bytes = match ? Math.round(Number(match[1]) * bytesOf[match[2]!.toLowerCase()]!) : Number.NaN
  if (Number.isSafeInteger(bytes)) return bytes
  throw new UsageError(`"${given}" is no size; write 500, 64k, 256M or 1.5G.`)
}

/** A whole number from 1 up. */
export function parseCount(given: string): number {
  const count = Number(given)
  if (!/^\d+$/.test(given) || count < 1 || !Number.isSafeInteger(count))
    throw new UsageError(`"${given}" is no whole number from 1 up.`)
  return count
}

/** A whole number from 0 up. */
export function parseIndex(given: string): number {
  const index = Number(given)
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(index))
    throw new UsageError(`"${given}" is no whole number from 0 up.`)
  return index
}

/** The first eight digits of a run's identity. */
export function parseRun(given: string): string {
  if (/^[0-9a-f]{8}$/i.test(given)) return given.toLowerCase()
  throw new UsageError(`"${given}" is no run: those are eight hexadecimal digits.`)
}

/** One of the given words. */
export function oneOf<const Word extends string>(words: readonly Word[], what: string): (given: string) => Word {
  return (given) => {
    const found = words.find((word) => word === given)
    if (found !== undefined) return found
    throw new UsageError(`"${given}" is no ${what}; it is one of ${words.join(', ')}.${didYouMean(given, words)}`)
  }
}

export type Trigger =
  | { readonly kind: 'signal' }
  | { readonly kind: 'first-stdin' }
  | { readonly kind: 'idle' }
  | { readonly kind: 'call'; readonly call: number }

const triggerWords = ['signal', 'first-stdin', 'idle'] as const

/** 'signal', 'first-stdin', 'idle' or 'call:N'. */
export function parseTrigger(given: string): Trigger {
  const call = /^call:(\d+)$/.exec(given)?.[1]
  if (call !== undefined) return { kind: 'call', call: parseCount(call) }
  const kind = triggerWords.find((word) => word === given)
  if (kind !== undefined) return { kind }
  const hint = given.startsWith('call') ? ' Did you mean call:100?' : didYouMean(given, triggerWords)
  throw new UsageError(`"${given}" is no trigger; it is one of ${triggerWords.join(', ')}, call:N.${hint}`)
}

/** 'K=V' sets, a bare 'K' inherits from our own environment (and is left out where that has none). */
export function parseEnv(given: string, own: NodeJS.ProcessEnv = process.env): readonly [string, string] | undefined {
  const equals = given.indexOf('=')
  if (equals === 0 || given === '') throw new UsageError(`"${given}" has no name; write --env NAME=VALUE.`)
  if (equals > 0) return [given.slice(0, equals), given.slice(equals + 1)]
  const inherited = own[given]
  return inherited === undefined ? undefined : [given, inherited]
}

/** 'MODULE=FILE'. */
export function parseImport(given: string): readonly [string, string] {
  const equals = given.indexOf('=')
  if (equals > 0 && equals < given.length - 1) return [given.slice(0, equals), given.slice(equals + 1)]
  throw new UsageError(`"${given}" gives no functions; write --import MODULE=FILE.mjs, for example env=./env.mjs.`)
}

const catchable = ['SIGTSTP', 'SIGUSR2', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGINT', 'SIGALRM', 'SIGWINCH'] as const
export type SuspendSignal = (typeof catchable)[number]

/** A signal that a process can catch and that Node does not keep for itself (SIGUSR1 starts its debugger). */
export function parseSignal(given: string): SuspendSignal {
  const name = given.toUpperCase()
  return oneOf(catchable, 'signal that can ask for a checkpoint')(name.startsWith('SIG') ? name : `SIG${name}`)
}

export function parsePort(given: string): number {
  const port = Number(given)
  if (!/^\d{1,5}$/.test(given) || port > 65_535)
    throw new UsageError(`"${given}" is no port: those are numbers up to 65535.`)
  return port
}
