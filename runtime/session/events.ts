import type { LeftRegion } from '../../wasm-shim/guest-abi/state.ts'
import type { WrittenTree } from '../../wasm-shim/wasi/recovery/written-files.ts'
import type { Engine } from '../engine/engine.ts'
import type { MountInMemory, Recovered } from './messages.ts'
import type { CheckpointInfo } from './outcome.ts'
import type { SessionState } from './state.ts'

/** What a session tells while it runs. */
export type SessionEvent =
  | { readonly kind: 'checkpoint'; readonly checkpoint: CheckpointInfo }
  /** No checkpoint was taken, or it could not be saved. The guest goes on. */
  | { readonly kind: 'refused'; readonly cause: string; readonly error: Error }
  | { readonly kind: 'state'; readonly state: SessionState }
  /** The program runs with another engine than the instrumented one; `reason`, a sentence, where nobody asked for it. */
  | { readonly kind: 'engine'; readonly engine: Engine['kind']; readonly reason?: string }
  /** What came after the checkpoint was done again, by the call log. */
  | ({ readonly kind: 'recovered' } & Recovered)
  /** Where a replay stopped or ended, what the program had written below its host directories. */
  | { readonly kind: 'files'; readonly trees: readonly WrittenTree[] }
  /** Directories of the host that were not granted again: they go on in memory, with the files that were carried. */
  | { readonly kind: 'inMemory'; readonly mounts: readonly MountInMemory[] }
  /** The program has exited and never registered these regions, which `regionsFrom` had carried to it. */
  | { readonly kind: 'regionsLeft'; readonly regions: readonly LeftRegion[] }
  /** Before going on, files were put back to what the session had written then. */
  | { readonly kind: 'filesRestored'; readonly written: number; readonly removed: number }
  /** The newest checkpoint or its log was of no use, and an older one is tried. */
  | { readonly kind: 'fellBack'; readonly to: string; readonly error: Error }
  /** The program does not want a checkpoint at the moment: the one that was requested is taken as soon as it does. */
  | { readonly kind: 'heldOff' }
  /** The guest stands still, since there is no room for its log; or it goes on. */
  | { readonly kind: 'logFull'; readonly waiting: boolean; readonly reason: string }
  /** The guest's thread cannot sleep, and gives way to its event loop instead, which takes time; `reason`, a sentence. */
  | { readonly kind: 'slower'; readonly reason: string }
