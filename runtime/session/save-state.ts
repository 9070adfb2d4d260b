import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import type { CarriedFiles } from '../../wasm-shim/wasi/carried.ts'
import type { Host } from '../../wasm-shim/wasi/host.ts'
import type { StackState } from '../engine/engine.ts'
import { type Body, bodySize, type CheckpointState, encodeCheckpoint, packBody } from '../image/encode.ts'
import { SectionKind } from '../image/layout.ts'
import type { Checkpoint } from '../image/model.ts'
import { bitmapSize } from '../image/pages.ts'
import { ContentReader } from './carried-contents.ts'
import type { FirstInput } from './first-input.ts'
import type { GuestSettings, GuestThread, Machine } from './machine.ts'
import type { Captured } from './messages.ts'
import type { Screen } from './screen.ts'
import type { CaptureReason } from './triggers.ts'

/** Bytes for the stack, and for what the guest does until there is room. */
export const roomToGrow = 65536

export interface StateSources {
  readonly settings: GuestSettings
  readonly host: Host
  readonly firstInput: FirstInput
  readonly screen: Screen
  /** Gives memory for the copy. */
  readonly allocate?: GuestThread['allocate']
  readonly machine: () => Machine
  /** Calls that the program has made. */
  readonly calls: () => number
}

/** What is copied while the guest stands still beside the contents of files, which go by themselves. */
const withoutContents = ({ files, ...rest }: CheckpointState): CheckpointState => ({
  ...rest,
  ...(files && { files: { ...files, contents: [] } }),
})

/** Makes a checkpoint's contents of the guest as it stands. Throws a StasisError where its state cannot be saved. */
export class StateSaver {
  readonly #sources: StateSources
  readonly #contents: ContentReader
  /** Serial of the label that is in use already. */
  readonly #usedLabel: number
  /** The checkpoint that a replay began with. */
  readonly #replayed: { readonly calls: number; readonly files: CarriedFiles } | undefined
  /** Bytes of the last copy beside the one memory; undefined where there was none, or there are several. */
  #besides: number | undefined

  /** `from` is the checkpoint that the guest goes on from. */
  constructor(sources: StateSources, from: Checkpoint | undefined) {
    this.#sources = sources
    this.#contents = new ContentReader(sources.host.clocks.realtime)
    const { label } = sources.machine().kernel
    // A checkpoint of another name, of a keyframe for example, was no use of it.
    this.#usedLabel = label === undefined || label.text !== from?.label ? -1 : label.serial
    const { calls = 0, files } = from ?? {}
    this.#replayed = sources.settings.log?.replay === undefined || files === undefined ? undefined : { calls, files }
  }

  /** Views of the state. */
  state(reason: CaptureReason, stacks: readonly StackState[]): CheckpointState {
    const { engine, kernel } = this.#sources.machine()
    const files = this.#carried(reason)
    return { instances: [engine.save()], stacks, kernel: kernel.save(), ...(files && { files }) }
  }

  /** A copy of the state, to be handed out. */
  captured(reason: CaptureReason, stop: boolean, stacks: readonly StackState[]): Captured {
    const { host, firstInput, screen, machine, calls } = this.#sources
    const { monotonic } = host.clocks
    const began = monotonic()
    const state = this.state(reason, stacks)
    const { bytes, sections } = this.#pack(withoutContents(state))
    const { files } = state
    // Last of what can fail: contents that were read count as handed over.
    const contents = files?.content === 'carried' ? this.#contents.read(files.contents) : undefined
    const [memory, ...others] = sections.filter(({ kind }) => kind === SectionKind.memory)
    this.#besides = memory === undefined || others.length > 0 ? undefined : bytes.length - memory.length
    const { label } = machine().kernel
    return {
      cause: reason.cause,
      requested: reason.requested,
      stop,
      calls: calls(),
      instances: state.instances.map(({ memories, tables }) => ({ memories: memories.length, tables: tables.length })),
      stacks: stacks.length,
      body: bytes,
      sections,
      ...(contents && { contents }),
      input: { first: firstInput.rest, taken: host.stdin.unread?.() ?? new Uint8Array(0) },
      screen: screen.bytes(),
      pause: Number(monotonic() - began),
      ...(label !== undefined && label.serial !== this.#usedLabel && { label }),
    }
  }

  /**
   * About as many bytes as a copy takes if the whole memory is in use: found at once, where `size` looks at every page.
   * undefined before the first copy.
   */
  mostBytes(): number | undefined {
    if (this.#besides === undefined) return undefined
    const memory = this.#sources.machine().engine.memory().buffer.byteLength
    return memory + bitmapSize(memory) + this.#besides + roomToGrow
  }

  /** Bytes that a copy of the state takes; undefined where it cannot be saved. */
  size(): number | undefined {
    try {
      return bodySize(withoutContents(this.state({ cause: 'none', requested: false, stop: false }, [])))
    } catch {
      // The capture will say what is wrong.
      return undefined
    }
  }

  /** The state as an image that is in no store. */
  image(state: CheckpointState): Uint8Array {
    const { settings, calls } = this.#sources
    return encodeCheckpoint({
      session: { name: 'torture', id: '' },
      cause: 'torture',
      time: 0,
      module: { sha256: settings.module.sha256, size: settings.module.bytes.length, name: '' },
      prelink: { version: 0, polls: settings.polls },
      calls: calls(),
      ...state,
    })
  }

  /** The host's files that go along. A program that goes on in this thread finds them where they are. */
  #carried({ cause, lean = false }: CaptureReason): CheckpointState['files'] {
    if (cause === 'torture') return undefined
    const { settings, machine, calls } = this.#sources
    // A replay does not know the files, unless it stands where it began.
    if (this.#replayed?.calls === calls()) return this.#replayed.files
    return machine().kernel.carriedFiles(lean ? 0 : settings.maxFileBytes)
  }

  #pack(state: CheckpointState): Body {
    try {
      return packBody(state, this.#sources.allocate)
    } catch (cause) {
      if (!(cause instanceof RangeError) || isStasisError(cause)) throw cause
      const message = 'There is no memory for a copy of the program’s state. Give the host more, or take it later.'
      throw new StasisError('STASIS_CAPTURE_MEMORY', message, {}, { cause })
    }
  }
}
