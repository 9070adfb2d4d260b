import { bytes, list, natural, nullable, record, type Shape, text } from '../wasi/shapes.ts'

/** A named range of the guest's first memory. */
export interface GuestRegion {
  readonly name: string
  readonly address: number
  /** Bytes. */
  readonly length: number
}

/** The content of an earlier program's region, for the region of that name that this one is going to register. */
export interface CarriedRegion {
  readonly name: string
  readonly bytes: Uint8Array
}

/** What the calls of the module `stasis` have said so far: a part of the kernel's state, and like it the fold of calls. */
export interface GuestState {
  /** How many `disable` have had no `enable` yet. */
  held: number
  /** What the next checkpoint is to be called, and how many labels were given so far. */
  label: string | null
  labels: number
  /** By registration; a name stands once. */
  readonly regions: GuestRegion[]
  /** Those that no region has taken yet. */
  readonly carried: CarriedRegion[]
}

/** A carried region as it is told of. */
export interface LeftRegion {
  readonly name: string
  /** Bytes. */
  readonly length: number
}

/** The carried regions that no region has taken yet. */
export function leftRegions({ carried }: Pick<GuestState, 'carried'>): readonly LeftRegion[] {
  return carried.map(({ name, bytes: { length } }) => ({ name, length }))
}

export function initialGuestState(carried: readonly CarriedRegion[] = []): GuestState {
  return { held: 0, label: null, labels: 0, regions: [], carried: [...carried] }
}

/** A program that has used none of it is saved as before there was any. */
export function savedGuestState(state: GuestState): { readonly guest?: GuestState } {
  const { held, labels, regions, carried } = state
  const isUsed = held > 0 || labels > 0 || regions.length > 0 || carried.length > 0
  return isUsed ? { guest: state } : {}
}

/** Of what a checkpoint says. */
export const guestShape: Shape<GuestState> = record<GuestState>({
  held: natural(0xffff_ffff),
  label: nullable(text),
  labels: natural(Number.MAX_SAFE_INTEGER),
  regions: list(record<GuestRegion>({ name: text, address: natural(0xffff_ffff), length: natural(0xffff_ffff) })),
  carried: list(record<CarriedRegion>({ name: text, bytes })),
})
