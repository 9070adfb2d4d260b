import type { CarriedRegion, LeftRegion } from '../../wasm-shim/guest-abi/state.ts'
import type { PollMode } from '../../wasm-shim/prelink/index.ts'
import type { WrittenTree } from '../../wasm-shim/wasi/recovery/written-files.ts'
import type { Engine } from '../engine/engine.ts'
import type { SectionEntry } from '../image/layout.ts'
import type { LogLoss } from '../log/segmented-log.ts'
import type { LogPlace } from '../log/storage.ts'
import type { CarriedContent } from './carried-contents.ts'
import type { PackedError } from './packed-error.ts'
import type { MountContent } from './session-files.ts'
import type { Trigger } from './triggers.ts'

/** A directory for the guest: one of the host's, or one that lives in the session and travels with it. */
export type MountGrant =
  | { readonly guest: string; readonly host: string; readonly readOnly?: boolean; readonly overlay?: false }
  /** The host's directory is only read, and what the program changes lives in the session. */
  | { readonly guest: string; readonly host: string; readonly readOnly?: boolean; readonly overlay: true }
  | {
      readonly guest: string
      readonly memory: true
      readonly readOnly?: boolean
      /** What it holds when the program begins, by paths relative to it. */
      readonly files?: Readonly<Record<string, Uint8Array>>
    }

/** With an image the program goes on from there; without one it begins. */
export interface Beginning {
  readonly args: readonly string[]
  readonly env: readonly (readonly [string, string])[]
  readonly image?: Uint8Array
  /** The kernel's state to begin with, instead of arguments and environment. */
  readonly kernel?: Uint8Array
  readonly allowChangedFiles: boolean
  /** Contents for the regions that a program from its beginning is going to register. */
  readonly carried?: readonly CarriedRegion[]
}

/** How a session's calls are logged. */
export interface LogSettings {
  readonly place: LogPlace
  /** The session's identity, a UUID. */
  readonly session: string
  /** Segments behind the checkpoint, to be replayed first, by their first calls; and the identity of who wrote them. */
  readonly tail: readonly { readonly name: string; readonly firstCall: number }[]
  readonly tailOf: string
  /** Where they lie, if another session goes on from them. */
  readonly tailPlace?: LogPlace
  /** Have everything on the disk before an effect leaves the session. */
  readonly durable: boolean
  /** The last segment of the tail grows: at its end the guest waits for more, until told that this is all (`LogFollower`). */
  readonly follow?: SharedArrayBuffer
  /** Never go on behind the tail: the guest is held with a checkpoint where this says. */
  readonly replay?: ReplaySettings
}

/** Where a replay stops. */
export interface ReplaySettings {
  /** Before the call of this number, from 0 on as in the log. Default: at the log's end. */
  readonly until?: number
  /** Before the first call, from number `from` on, of a function that this means: `fd_write`, `path_*`. */
  readonly break?: { readonly name: string; readonly from: number }
  /** Show again what the program wrote to its stdout and stderr. */
  readonly echo: boolean
  /** Tell what it had written below its host directories. */
  readonly files: boolean
}

export interface GuestInit {
  /** The control block's buffer. */
  readonly control: ArrayBufferLike
  readonly module: { readonly bytes: Uint8Array; readonly sha256: string }
  readonly beginning: Beginning
  readonly mounts: readonly MountGrant[]
  readonly polls: PollMode
  /** Absent: instrumented, and log-only for modules that it cannot take. */
  readonly engine?: Engine['kind']
  readonly triggers: readonly Trigger[]
  readonly stopAfterSnapshot: boolean
  /** Tell what the memory mounts of a program hold that exits. */
  readonly returnFiles: boolean
  /** Bytes of the host's files that a checkpoint carries at most; 0 for none. */
  readonly maxFileBytes: number
  /** At every how-many-th call to go on in a fresh instance; 0 for never. */
  readonly torture: number
  /** Absent where no log is kept. */
  readonly log?: LogSettings
  /** Show every call, as strace does. */
  readonly strace: boolean
}

/** Messages to the guest's thread, by name. It sees them only when the guest does not run. */
export interface ToGuest {
  readonly init: GuestInit
  /**
   * Something is pending in the control block, in case nobody makes calls that would notice; `request`, its bits, for a
   * thread that has a block of its own.
   */
  readonly check: { readonly request: number }
  readonly call: { readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  /** The checkpoint that stopped the guest could not be saved: go on. */
  readonly proceed: Record<never, never>
}

export interface TortureCount {
  /** Times that the program went on in a fresh instance. */
  readonly restores: number
  /** Times that the capture was refused, and the first reason. */
  readonly refused: number
  readonly reason?: string
}

export interface Captured {
  readonly cause: string
  /** Whether it answers a request, or was the guest's thread's own doing. */
  readonly requested: boolean
  /** The guest stands still until 'proceed'. */
  readonly stop: boolean
  readonly calls: number
  readonly instances: readonly { readonly memories: number; readonly tables: number }[]
  readonly stacks: number
  readonly body: Uint8Array
  readonly sections: readonly SectionEntry[]
  /** Of the host's files, the last sections but for input and screen. Absent where none are carried. */
  readonly contents?: readonly CarriedContent[]
  /** Input that the guest has not read: what was there when it was restored, and what its stdin has taken since. */
  readonly input: { readonly first: Uint8Array; readonly taken: Uint8Array }
  /** What its terminal has shown last; empty without one. */
  readonly screen: Uint8Array
  /** Nanoseconds for which the guest stood still, as seen by its thread. */
  readonly pause: number
  /** The label that the program has given last, and the how-manieth it is; absent where it came with the image. */
  readonly label?: { readonly text: string; readonly serial: number }
}

/** A directory of the host that goes on in memory, with the files that the checkpoint carried. */
export interface MountInMemory {
  readonly guest: string
  readonly files: number
}

/** What was done again of a session whose process had died. */
export interface Recovered {
  /** Numbers of the call that the checkpoint stands before, and of the first one that is made anew. */
  readonly from: number
  readonly to: number
  /** The function whose output had been announced and not confirmed: it is made again, and may be seen twice. */
  readonly repeated?: string
  /** Bytes that the program had read from its stdin behind the checkpoint. */
  readonly stdinRead: number
  /** What could not be read at the log's end. */
  readonly loss?: LogLoss
}

/** Messages from the guest's thread, by name. */
export interface FromGuest {
  /** Everything is in place, and the guest runs from now on: calls that were replayed are behind it. */
  readonly ready: { readonly exports: readonly string[] }
  readonly recovered: Recovered
  /** Before 'ready': directories of the host that were not granted again, by their names in the guest. */
  readonly inMemory: { readonly mounts: readonly MountInMemory[] }
  /** Where a replay stopped or ended, what the program had written. */
  readonly files: { readonly trees: readonly WrittenTree[] }
  /** Before 'exited': regions of an older program's checkpoint that the program never registered. */
  readonly regionsLeft: { readonly regions: readonly LeftRegion[] }
  /** The log has no room, and the guest stands still until it has; or it has again. */
  readonly logFull: { readonly waiting: boolean; readonly reason: string }
  /** It could not be started; the guest has not run. */
  readonly failed: { readonly error: PackedError }
  readonly captured: Captured
  /** Before 'ready', where it is not the instrumented one; `reason` where nobody asked for it. */
  readonly engine: { readonly kind: Engine['kind']; readonly reason?: string }
  /** The guest was stopped without a checkpoint, before call `calls`: the log has everything, and its thread is of no use. */
  readonly halted: { readonly requested: boolean; readonly calls: number }
  /** Of a log that is followed: everything of this generation is behind the guest. */
  readonly caughtUp: { readonly generation: number }
  /** The guest stands still until 'proceed', and the log has everything that it did: `calls` calls. */
  readonly heldByLog: { readonly calls: number }
  /** Before the checkpoint that was requested: room for so many bytes, and then the request again, to be met at once. */
  readonly roomWanted: { readonly size: number }
  /** The program does not want a checkpoint (`stasis.disable`), and the one that was requested waits for it. */
  readonly heldOff: Record<never, never>
  /** No checkpoint was taken, and the guest goes on. */
  readonly refused: { readonly cause: string; readonly requested: boolean; readonly error: PackedError }
  /** A call made by the host came back. */
  readonly returned: { readonly id: number; readonly value: unknown }
  /** The call could not be made at all; the guest is as it was. */
  readonly notCalled: { readonly id: number; readonly error: PackedError }
  readonly exited: {
    readonly code: number
    readonly torture: TortureCount
    readonly files?: readonly MountContent[]
  }
  readonly trapped: { readonly error: PackedError; readonly torture: TortureCount }
}

export type Message<Map> = { [Kind in keyof Map]: { readonly kind: Kind; readonly payload: Map[Kind] } }[keyof Map]

export type Post<Map> = <Kind extends keyof Map>(
  kind: Kind,
  payload: Map[Kind],
  transfer?: readonly ArrayBuffer[],
) => void
