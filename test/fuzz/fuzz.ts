import { expect } from 'vitest'
import { isStasisError } from '../../wasm-shim/errors.ts'

/** What reads bytes that nobody vouches for. */
export interface Target {
  /** Good inputs. */
  readonly samples: readonly Uint8Array[]
  /** Decodes all the way down. Throws a StasisError for what is no good. */
  readonly decode: (bytes: Uint8Array) => unknown
  /** Makes checksums right again, so that what lies behind them is met. */
  readonly reseal?: (bytes: Uint8Array) => void
  /** Default: true. */
  readonly refuses?: boolean
}

// The long form: FUZZ=full npx vitest run test/fuzz
const rounds = process.env.FUZZ === 'full' ? 1_000_000 : 20_000
export const fuzzTimeout = process.env.FUZZ === 'full' ? 3_600_000 : 120_000
/** Microseconds of processor time: none of the samples takes a thousand, and compiling and collecting garbage some more. */
const longest = 1_000_000
/** What all targets together may take beyond what the process has, in KiB: samples are small, and limits are given. */
const mostMemory = 500 * 1024

/** A small generator with a seed (Numerical Recipes' constants), so that a failure can be repeated. */
export function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Bits, bytes, runs, lengths as they tempt decoders, moved pieces, cuts and additions. */
export function mutate(sample: Uint8Array, next: (below: number) => number): Uint8Array {
  let copy = sample.slice()
  for (let count = 1 + next(3); count > 0 && copy.length > 0; count--) {
    const at = next(copy.length)
    switch (next(8)) {
      case 0:
      case 1:
        copy[at]! ^= 1 << next(8)
        break
      case 2:
        copy[at] = next(256)
        break
      case 3:
        copy.fill(next(2) * 255, at, at + 1 + next(8))
        break
      case 4:
        copy.copyWithin(at, next(copy.length), next(copy.length))
        break
      case 5:
        // A CBOR head or a word that announces very much.
        copy.set(
          [[0x9b, 0xbb, 0x5b, 0x7b, 0xff][next(5)]!, 0, 0, 0, next(256), 0xff, 0xff].slice(0, copy.length - at),
          at,
        )
        break
      case 6:
        copy = copy.slice(0, next(8) === 0 ? at : copy.length)
        break
      default:
        copy = next(8) === 0 ? Uint8Array.from([...copy.subarray(0, at), next(256), ...copy.subarray(at)]) : copy
    }
  }
  return copy
}

/** Feeds mutated inputs: anything but a result or a StasisError fails, and so does what takes long or very much memory. */
export async function fuzz(
  { samples, decode, reseal, refuses = true }: Target,
  seed = 1,
): Promise<{ accepted: number; refused: number }> {
  for (const sample of samples) await decode(sample)
  const next = random(seed)
  const memoryBefore = process.resourceUsage().maxRSS
  let [accepted, refused, slowest] = [0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    const input = mutate(samples[round % samples.length]!, next)
    reseal?.(input)
    const began = process.cpuUsage()
    try {
      const result = decode(input)
      if (result instanceof Promise) await result
      accepted++
    } catch (error) {
      if (!isStasisError(error) || error.code === 'STASIS_INVARIANT') {
        const hex = Buffer.from(input.subarray(0, 500)).toString('hex')
        throw new Error(`round ${round} (${hex}) failed: ${error}`, { cause: error })
      }
      refused++
    }
    const { user, system } = process.cpuUsage(began)
    slowest = Math.max(slowest, user + system)
  }
  expect(slowest).toBeLessThan(longest)
  expect(process.resourceUsage().maxRSS - memoryBefore).toBeLessThan(mostMemory)
  if (refuses) expect(refused).toBeGreaterThan(rounds / 20)
  return { accepted, refused }
}
