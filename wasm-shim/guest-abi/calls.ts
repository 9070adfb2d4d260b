import type { Call, Context } from '../wasi/context.ts'
import { Errno } from '../wasi/errno.ts'
import { WaitInterrupted } from '../wasi/host.ts'
import type { KernelState } from '../wasi/state.ts'

/** Regions that a program can have at a time. */
const maxRegions = 65_536
const maxName = 255
/** `saved` of a region for which there is nothing. */
export const nothingSaved = 0xffff_ffff

const encoder = new TextEncoder()
const isName = (name: string): boolean => name !== '' && encoder.encode(name).length <= maxName

interface Registered {
  readonly filled: number
  readonly saved: number
}

function drop(list: { readonly name: string }[], name: string): void {
  const index = list.findIndex((one) => one.name === name)
  if (index >= 0) list.splice(index, 1)
}

/** Fills the region if there is a saved one of its length, and says what length that has. */
function register({ state }: Context, name: string, region: Uint8Array): Registered | number {
  const { regions, carried } = state.guest
  if (!isName(name)) return -Errno.EINVAL
  if (regions.length >= maxRegions && !regions.some((one) => one.name === name)) return -Errno.ENOMEM
  const content = carried.find((one) => one.name === name)?.bytes
  if (content === undefined) return { filled: 0, saved: nothingSaved }
  if (content.length !== region.length) return { filled: 0, saved: content.length }
  region.set(content)
  return { filled: content.length, saved: content.length }
}

/** The functions of the module `stasis`; the rows in abi.ts say what their parameters are. */
export const guestCalls: Readonly<Record<string, Call>> = {
  present: { perform: () => 1 },
  checkpoint: {
    /** 1 taken, 2 restored, or a negated errno. Has not happened where it gives way. */
    perform: (context) => {
      const { ownCheckpoint } = context
      if (ownCheckpoint === undefined) return -Errno.ENOTSUP
      const answer = ownCheckpoint()
      if (answer === undefined) throw new WaitInterrupted()
      return answer
    },
  },
  disable: {
    perform: ({ state }) => (state.guest.held === 0xffff_ffff ? -Errno.EOVERFLOW : 0),
    apply: ({ guest }) => {
      guest.held++
    },
  },
  enable: {
    perform: ({ state }) => (state.guest.held === 0 ? -Errno.EINVAL : 0),
    apply: ({ guest }) => {
      guest.held--
    },
  },
  label: {
    perform: () => 0,
    apply: ({ guest }, _: number, text: string) => {
      guest.label = text
      guest.labels++
    },
  },
  region: {
    perform: register,
    apply: ({ guest }: KernelState, { saved }: Registered, name: string, region: Uint8Array) => {
      const { byteOffset: address, length } = region
      drop(guest.regions, name)
      guest.regions.push({ name, address, length })
      if (saved === length) drop(guest.carried, name)
    },
  },
  region_saved: {
    perform: ({ state }, name: string, target: Uint8Array) => {
      const content = state.guest.carried.find((one) => one.name === name)?.bytes
      if (content === undefined) return -Errno.ENOENT
      if (content.length !== target.length) return -Errno.EINVAL
      target.set(content)
      return content.length
    },
    apply: ({ guest }: KernelState, _: number, name: string) => drop(guest.carried, name),
  },
  region_forget: {
    perform: ({ state }, name: string, address: number) =>
      state.guest.regions.some((one) => one.name === name && one.address === address) ? 0 : -Errno.ENOENT,
    apply: ({ guest }: KernelState, _: number, name: string) => drop(guest.regions, name),
  },
}
