import { invariant, StasisError } from '../errors.ts'
import type { CarriedRegion, LeftRegion } from '../guest-abi/state.ts'
import { initialGuestState, leftRegions } from '../guest-abi/state.ts'
import { findRow } from './abi.ts'
import { findCall } from './calls/index.ts'
import { type CarriedFiles, type ContentSource, carryFiles } from './carried.ts'
import { type Call, type Context, movedClocks, type Perform } from './context.ts'
import { type DescriptorSummary, describeDescriptor } from './describe.ts'
import type { FileSystem } from './fs/file-system.ts'
import { GuestMemory } from './guest-memory.ts'
import { ExitSignal, type Host, type HostClocks } from './host.ts'
import { usesHostFiles } from './host-files.ts'
import { bind } from './link.ts'
import { hasAfterNote, noting } from './recovery/after.ts'
import { beforeNotes, mayHaveChanged } from './recovery/before.ts'
import { type Follower, followerOf } from './recovery/follow.ts'
import { encodeNote } from './recovery/note.ts'
import { isRetraced, Recovery, recoverable } from './recovery/recovery.ts'
import { type Repeatable, repeatable } from './recovery/repeatable.ts'
import type { WrittenTree } from './recovery/written-files.ts'
import { asError, type Grants, type Problem, reopenFiles, reopenOwn, restoreMounts } from './restore.ts'
import { saveState } from './save.ts'
import { decodeState, type FileIdentity, restoreWritten } from './saved-state.ts'
import { type Descriptor, initialState, type KernelState, type MountKind } from './state.ts'

export interface Mount {
  /** The preopened directory's name in the guest. */
  readonly guest: string
  readonly fs: FileSystem
  readonly kind: MountKind
  /** Of an overlay: the same directory with the changes that `fs.save` gave. */
  readonly restore?: (saved: Uint8Array) => FileSystem
  /** The host's path, for messages. */
  readonly source?: string
  readonly readOnly: boolean
}

export interface KernelConfig {
  readonly args: readonly string[]
  readonly env: readonly (readonly [string, string])[]
  readonly mounts: readonly Mount[]
  /** Keep notes for a call log: see `notes`. Default: false. */
  readonly notes?: boolean
  /** Calls are those of a call log, until `endReplay`. Default: false. */
  readonly replay?: boolean
  /** Show again in a replay what the program had written to its stdout and stderr. Default: false. */
  readonly echo?: boolean
  /** Keep in a replay what the program wrote below its host directories: see `writtenFiles`. Default: false. */
  readonly files?: boolean
  /** How `stasis.checkpoint` is answered: see `Context`. Default: ENOTSUP. */
  readonly ownCheckpoint?: () => number | undefined
  /** Contents for regions that the program is going to register. */
  readonly carried?: readonly CarriedRegion[]
}

/** Arguments are words, two a wasm parameter, low word first. */
export interface CallNotes {
  /** Of an effect, before it takes place. */
  readonly before?: (words: Int32Array) => Uint8Array | undefined
  /** Of the call that was just made. */
  readonly after?: () => Uint8Array | undefined
  /** Whether something outside would notice that the call is made twice: terminals and pipes. */
  readonly isUnrepeatable?: (words: Int32Array) => boolean
  /** Of functions whose calls can give the same again, whatever was done after them: see `runtime/intercept/uncommitted.ts`. */
  readonly repeatable?: Repeatable
}

const standingClocks: HostClocks = {
  realtime: () => 0n,
  monotonic: () => 0n,
  cpuTime: () => 0n,
  resolution: () => 1n,
}

/** What the program saw last of its clocks; 0 where it never looked. */
function latestClocks({ clocks }: KernelState): { readonly monotonic: bigint; readonly cpu: bigint } {
  const [, monotonic = 0n, cpu = 0n, threadCpu = 0n] = clocks
  return { monotonic, cpu: cpu > threadCpu ? cpu : threadCpu }
}

const streamCalls: ReadonlySet<string> = new Set(['fd_read', 'fd_write'])

export { type DescriptorSummary, describeState } from './describe.ts'
export type { Grants } from './restore.ts'

/** A host function of a WASI import. */
// biome-ignore lint/suspicious/noExplicitAny: WebAssembly passes values whose types only the table knows
export type WasiImport = (...args: any[]) => unknown

/**
 * A WASI preview1 process: its state, and the capabilities that its calls use. Guests' mistakes are errnos; the only things
 * thrown are ExitSignal, WaitInterrupted and StasisError.
 */
export class Kernel {
  readonly #context: Context
  readonly #hasNotes: boolean
  /** Of a kernel that began with a replay. */
  readonly #recovery: Recovery | undefined
  #inMemory: readonly string[] = []
  /** Opens the files that a replay has left open; once. */
  #reopen: (() => void) | undefined

  private constructor(
    state: KernelState,
    fileSystems: readonly (FileSystem | undefined)[],
    host: Host,
    clocks: HostClocks,
    {
      notes = false,
      replay = false,
      echo = false,
      files = false,
      ownCheckpoint,
    }: Omit<KernelConfig, 'args' | 'env' | 'mounts'>,
  ) {
    this.#hasNotes = notes
    this.#recovery = replay ? new Recovery(echo, files) : undefined
    this.#context = {
      state,
      host,
      clocks,
      streams: [host.stdin, host.stdout, host.stderr],
      memory: new GuestMemory(),
      fileSystems,
      handles: [],
      ownCheckpoint,
      note: undefined,
      orphans: 0,
    }
    if (replay) this.#reopen = () => this.#reopenFiles(new Map(), false, [])
  }

  /** Throws StasisError STASIS_MOUNT_DUPLICATE when two mounts have one name. */
  static create(config: KernelConfig, host: Host): Kernel {
    const names = config.mounts.map(({ guest }) => guest)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) {
      const message = `Two directories are mounted as ${twice}. Give each a name of its own: --dir HOST::GUEST.`
      throw new StasisError('STASIS_MOUNT_DUPLICATE', message, { guest: twice })
    }
    const mounts = config.mounts.map(({ guest, kind, source, readOnly }) => ({
      guest,
      kind,
      source: source ?? null,
      readOnly,
    }))
    const fileSystems = config.mounts.map((mount) => mount.fs)
    const state = initialState(config.args, config.env, mounts, config.carried)
    return new Kernel(state, fileSystems, host, host.clocks, config)
  }

  /**
   * Goes on from the bytes of `save`, with its files opened again. Throws StasisError before the guest runs, listing all
   * that is in the way: STASIS_FILE_MISSING, STASIS_FILE_CHANGED, STASIS_MOUNT_NOT_GRANTED; STASIS_MOUNT_UNKNOWN for a grant
   * that the session has no use for; STASIS_KERNEL_STATE_DAMAGED for bytes that are no state.
   */
  static restore(state: Uint8Array, grants: Grants, host: Host): Kernel {
    const saved = decodeState(state)
    const { mounts, fileSystems, problems, inMemory } = restoreMounts(saved, grants)
    const { clocks } = saved
    const restored: KernelState = {
      args: saved.args,
      env: saved.env,
      mounts,
      fds: saved.fds.map((one) => one?.descriptor ?? null),
      clocks: new BigUint64Array([0n, clocks.monotonic, clocks.cpu, clocks.cpu]),
      poll: saved.poll,
      written: restoreWritten(saved.written, mounts),
      exitCode: saved.exit,
      guest: saved.guest ?? initialGuestState(),
    }
    const kernel = new Kernel(restored, fileSystems, host, movedClocks(host.clocks, clocks), grants)
    kernel.#inMemory = inMemory
    const { allowChangedFiles = false } = grants
    const ownProblems = reopenOwn(kernel.#context, saved, allowChangedFiles)
    const all = [...problems, ...ownProblems]
    if (grants.replay !== true) reopenFiles(kernel.#context, saved.fds, allowChangedFiles, all)
    else {
      const inTheWay = all.filter(({ isNeeded = false }) => isNeeded || grants.alone !== true)
      if (inTheWay.length > 0) throw asError(inTheWay)
      const identities = new Map(saved.fds.map((one) => [one?.descriptor ?? null, one?.identity ?? null]))
      kernel.#reopen = () => kernel.#reopenFiles(identities, allowChangedFiles, problems)
    }
    return kernel
  }

  /** What the memory mounts hold. */
  memoryMounts(): readonly { readonly guest: string; readonly content: Uint8Array }[] {
    const { state, fileSystems } = this.#context
    return state.mounts.flatMap(({ guest, kind }, index) => {
      const content = kind === 'memory' ? fileSystems[index]?.save?.() : undefined
      return content === undefined ? [] : [{ guest, content }]
    })
  }

  /**
   * The log that was replayed is over, and calls are live from now on. `pending`: the log has announced that call's effect,
   * and the next call is the same one, which may have taken place. Throws what `restore` throws of files.
   */
  endReplay(pending?: { readonly name: string; readonly note: Uint8Array; readonly words: Int32Array }): void {
    const recovery = this.#recovery
    invariant(recovery?.mode === 'replay', 'a replay ends once')
    if (pending !== undefined) mayHaveChanged(this.#context, recovery, pending.name, pending.words)
    recovery.end(pending?.note ?? new Uint8Array(0))
    const { state, host } = this.#context
    const { monotonic, cpu } = latestClocks(state)
    this.#context.clocks = movedClocks(host.clocks, {
      monotonic: monotonic || host.clocks.monotonic(),
      cpu: cpu || host.clocks.cpuTime(),
    })
    // What is done with names may be done already: then files are where the finished call leaves them.
    const isNamePending = pending !== undefined && pending.note.length > 0 && pending.name.startsWith('path_')
    if (!isNamePending) this.#openAgain()
  }

  #openAgain(): void {
    const reopen = this.#reopen
    this.#reopen = undefined
    reopen?.()
  }

  #reopenFiles(
    identities: ReadonlyMap<Descriptor | null, FileIdentity | null>,
    allowChanged: boolean,
    problems: readonly Problem[],
  ): void {
    const fds = this.#context.state.fds.map((descriptor) => {
      const isOurs = descriptor?.kind === 'file' && this.#recovery?.hasChanged(descriptor.mount, descriptor.path)
      return { descriptor, identity: isOurs ? null : (identities.get(descriptor) ?? null) }
    })
    reopenFiles(this.#context, fds, allowChanged, problems)
  }

  /** What the program had written below its host directories, at this instant of a replay with `files`. */
  writtenFiles(): readonly WrittenTree[] {
    return this.#recovery?.files?.trees(this.#context.state.mounts.map(({ guest }) => guest)) ?? []
  }

  /** Directories of the host that were not granted again and go on in memory, by their names in the guest. */
  get inMemory(): readonly string[] {
    return this.#inMemory
  }

  /** Bytes of stdin that were read in the replay. */
  get replayedStdin(): number {
    return this.#recovery?.stdinRead ?? 0
  }

  /** What a call log is to keep of one function's calls beyond parameters and results. Only with `notes`. */
  notes(module: string, name: string): CallNotes {
    const context = this.#context
    if (!this.#hasNotes || findRow(module, name) === undefined) return {}
    const before = beforeNotes[name]
    return {
      ...(before && {
        before: (words) => {
          const pending = this.#recovery?.pendingNote
          if (pending !== undefined) return pending
          const note = before(context, words)
          return note && encodeNote(note)
        },
      }),
      ...(hasAfterNote(name) && { after: () => context.note }),
      ...(module === 'wasi_snapshot_preview1' && repeatable(context, name)),
      ...(streamCalls.has(name) && {
        isUnrepeatable: (words) => context.state.fds[words[0]! >>> 0]?.kind === 'stream',
      }),
    }
  }

  /** See `CallNotes`; a function that is not WASI may do anything. */
  isUnrepeatable(module: string, name: string, words: Int32Array): boolean {
    return findRow(module, name) === undefined || this.notes(module, name).isUnrepeatable?.(words) === true
  }

  /** Whether a call that the log has is to be passed on, so that the state follows: after `recorded`. */
  isRetraced(module: string, name: string): boolean {
    return findRow(module, name) !== undefined && isRetraced(name)
  }

  /** What the log has of the call that is passed on next: results as words from index `at` on, and its note. */
  recorded(results: Int32Array, at: number, note: Uint8Array): void {
    this.#recovery?.recorded(results, at, note)
  }

  /** Of such calls: see `Follower`. */
  follower(module: string, name: string): Follower | undefined {
    return findRow(module, name) === undefined ? undefined : followerOf(this.#context.state, name)
  }

  /**
   * The state as deterministic bytes, which carry no capability. Throws StasisError STASIS_FILE_DELETED when the program holds
   * a deleted file that is too large to travel.
   */
  save(): Uint8Array {
    const context = this.#context
    if (this.#recovery?.mode !== 'replay') return saveState(context)
    // At an instant that is past: the clocks as the program saw them last.
    return saveState({ ...context, clocks: movedClocks(standingClocks, latestClocks(context.state)) })
  }

  /**
   * The files of hosts that a checkpoint of this instant carries, contents up to `limit` bytes: see `carryFiles`. In a replay
   * they are not what they were, and are left out.
   */
  carriedFiles(limit: number): CarriedFiles<ContentSource> | undefined {
    return carryFiles(this.#context, this.#recovery?.mode === 'replay' ? 0 : limit)
  }

  /** See host-files.ts. */
  get usesHostFiles(): boolean {
    return usesHostFiles(this.#context.state)
  }

  /** Regions of an older program's checkpoint that this one has not registered so far. */
  get leftRegions(): readonly LeftRegion[] {
    return leftRegions(this.#context.state.guest)
  }

  /** Every open descriptor, and whether it moves with a checkpoint. */
  describe(): readonly DescriptorSummary[] {
    const { state, handles } = this.#context
    return state.fds.flatMap((descriptor, fd) => {
      if (descriptor === null) return []
      const stat = handles[fd]?.stat() ?? 0
      return [describeDescriptor(fd, descriptor, state.mounts, typeof stat === 'number' ? 0n : stat.size)]
    })
  }

  /** The host function of one import, or undefined when module and name are not WASI. */
  link(module: string, name: string): WasiImport | undefined {
    const row = findRow(module, name)
    if (row === undefined) return undefined
    const call = findCall(module, name)
    if (call === undefined) return undefined
    const bound = bind(row, this.#prepare(name, call), this.#context) as WasiImport
    if (this.#recovery !== undefined && name.startsWith('path_')) {
      return (...args) => {
        const errno = bound(...args)
        if (this.#reopen !== undefined && this.#recovery?.mode !== 'replay') this.#openAgain()
        return errno
      }
    }
    if (row.returns !== 'nothing') return bound
    return (...args) => {
      bound(...args)
      throw new ExitSignal(this.#context.state.exitCode ?? 0)
    }
  }

  #prepare(name: string, call: Call): Call {
    let perform = call.perform as Perform
    if (this.#recovery !== undefined) perform = recoverable(name, perform, this.#recovery)
    if (this.#hasNotes) perform = noting(name, perform)
    return { ...call, perform }
  }

  /** A callback, since growth detaches buffers. Called once the instance exists. */
  attach(memory: () => WebAssembly.Memory): void {
    this.#context.memory.attach(memory)
  }

  /** Closes the files of the host that are open. The kernel is of no use afterwards. */
  close(): void {
    const { handles } = this.#context
    for (const handle of handles) handle?.close()
    handles.length = 0
  }

  /** Between `stasis.disable` and `stasis.enable`. */
  get isHeld(): boolean {
    return this.#context.state.guest.held > 0
  }

  /** The label that the program has given last, and how many it has given. */
  get label(): { readonly text: string; readonly serial: number } | undefined {
    const { label: text, labels: serial } = this.#context.state.guest
    return text === null ? undefined : { text, serial }
  }

  get exitCode(): number | undefined {
    return this.#context.state.exitCode ?? undefined
  }
}
