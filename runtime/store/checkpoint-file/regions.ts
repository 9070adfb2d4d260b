import { StasisError } from '../../../wasm-shim/errors.ts'
import type { Catalog } from './catalog.ts'
import { maxNameBytes, maxRegionLength } from './layout.ts'
import { encodeName } from './record.ts'

/** The bytes of a region, or where they are now: memory that grows moves. */
export type RegionBytes = Uint8Array | (() => Uint8Array)

/** A named range of memory, registered with one checkpoint file. Made by `CheckpointFile.register`. */
export class Region {
  readonly name: string
  /** Bytes. */
  readonly length: number
  readonly #bytes: RegionBytes

  constructor(name: string, bytes: RegionBytes) {
    this.name = name
    this.#bytes = bytes
    this.length = currentBytes(bytes).length
  }

  /** Valid until the guest or host goes on. Throws STASIS_CKP_LENGTH where the region has another length by now. */
  get bytes(): Uint8Array {
    const bytes = currentBytes(this.#bytes)
    if (bytes.length !== this.length) throw otherLength(this.name, bytes.length, this.length)
    return bytes
  }
}

function currentBytes(bytes: RegionBytes): Uint8Array {
  return typeof bytes === 'function' ? bytes() : bytes
}

export function otherLength(name: string, given: number, known: number): StasisError {
  const message =
    `The region ${name} has ${known} bytes and ${given} are given. ` +
    'Give as many, or register it anew with { replace: true }.'
  return new StasisError('STASIS_CKP_LENGTH', message, { name, given, known })
}

/** The regions of an open file, by name, in the order of their registration. */
export class Regions {
  readonly #regions = new Map<string, Region>()

  get all(): Region[] {
    return [...this.#regions.values()]
  }

  /** A name that is registered or saved with another length is refused unless it is to be replaced. */
  register(name: string, bytes: RegionBytes, replace: boolean, catalog: Catalog): Region {
    checkName(name)
    const region = new Region(name, bytes)
    if (region.length > maxRegionLength) throw otherLength(name, region.length, maxRegionLength)
    const known = this.#regions.get(name)?.length ?? catalog.regions.get(name)?.at(-1)?.length
    if (known !== undefined && known !== region.length && !replace) throw otherLength(name, region.length, known)
    this.#regions.set(name, region)
    return region
  }

  /** Throws STASIS_CKP_REGION. */
  locate(name: string): Region {
    const region = this.#regions.get(name)
    if (region === undefined) throw unknownRegion(name, [...this.#regions.keys()])
    return region
  }

  /** What was unregistered, or replaced, or belongs to another file, is refused. */
  check(region: Region): Region {
    if (this.#regions.get(region.name) !== region) throw unknownRegion(region.name, [...this.#regions.keys()])
    return region
  }

  remove(region: Region): void {
    this.#regions.delete(this.check(region).name)
  }

  clear(): void {
    this.#regions.clear()
  }
}

function unknownRegion(name: string, known: readonly string[]): StasisError {
  const there = known.length === 0 ? 'None is.' : `Those that are: ${known.join(', ')}.`
  return new StasisError('STASIS_CKP_REGION', `No region ${name} is registered. ${there}`, { name })
}

function checkName(name: string): void {
  const bytes = encodeName(name)
  // Lone surrogates have no UTF-8 and come back as something else.
  const isText = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) === name
  if (isText && bytes.length > 0 && bytes.length <= maxNameBytes) return
  const message = `${JSON.stringify(name)} cannot be a region's name: it has to be 1 to ${maxNameBytes} bytes of UTF-8.`
  throw new StasisError('STASIS_CKP_NAME', message, { name })
}
