import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import type { LogPlace } from '../log/storage.ts'
import type { Store } from '../store/store.ts'
import type { ControlBlock } from './control-block.ts'
import type { FromGuest, Message } from './messages.ts'
import type { GuestPort } from './parts.ts'

/** What the thread that serves people must provide for one session. */
export interface SessionHost {
  /** Starts the guest's thread, which runs `serveGuest`. `fail` is for a thread that ends without having said why. */
  spawnGuest(
    control: ControlBlock,
    receive: (message: Message<FromGuest>) => void,
    fail: (error: unknown) => void,
  ): GuestPort
  /** The control block's memory. Default: shared. */
  controlBuffer?(): ArrayBufferLike
  /** Where the guest's thread keeps a session's log. Default: where the store says. */
  logPlace?(store: Store, session: string): LogPlace | undefined
  /** Milliseconds since the epoch. */
  now(): number
  /** A random UUID. */
  uuid(): string
  /** Lets other work of the thread go first: large checkpoints are saved in steps. */
  pause?(): Promise<void>
  /** Comparison of equally long bytes, where the host has a faster one. */
  equal?(a: Uint8Array, b: Uint8Array): boolean
  /** 64 lower-case hexadecimal digits. */
  sha256(bytes: Uint8Array): Promise<string>
  /** Calls `look` every so many milliseconds until the returned function is called. */
  every?(milliseconds: number, look: () => void): () => void
  /** Absent where there are no files. */
  readFile?(path: string): Promise<Uint8Array>
  /** A directory of the host, to put files back into. Absent where there are none. */
  openDirectory?(path: string): FileSystem
  /** A path that means the same in another working directory. Default: as it is. */
  absolutePath?(path: string): string
}
