import { StasisError } from '../errors.ts'
import { type AbiName, findRow } from './abi.ts'
import { calls } from './calls/index.ts'
import { type Context, movedClocks } from './context.ts'
import { type DescriptorSummary, describeDescriptor } from './describe.ts'
import type { FileSystem } from './fs/file-system.ts'
import { GuestMemory } from './guest-memory.ts'
import { ExitSignal, type Host, type HostClocks } from './host.ts'
import { bind } from './link.ts'
import { type Grants, reopenFiles, restoreMounts } from './restore.ts'
import { saveState } from './save.ts'
import { decodeState } from './saved-state.ts'
import { initialState, type KernelState } from './state.ts'

export interface Mount {
  /** The preopened directory's name in the guest. */
  readonly guest: string
  readonly fs: FileSystem
  readonly kind: 'host' | 'memory'
  /** The host's path, for messages. */
  readonly source?: string
  readonly readOnly: boolean
}

export interface KernelConfig {
  readonly args: readonly string[]
  readonly env: readonly (readonly [string, string])[]
  readonly mounts: readonly Mount[]
}

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

  private constructor(
    state: KernelState,
    fileSystems: readonly (FileSystem | undefined)[],
    host: Host,
    clocks: HostClocks,
  ) {
    this.#context = {
      state,
      host,
      clocks,
      streams: [host.stdin, host.stdout, host.stderr],
      memory: new GuestMemory(),
      fileSystems,
      handles: [],
    }
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
    return new Kernel(initialState(config.args, config.env, mounts), fileSystems, host, host.clocks)
  }

  /**
   * Goes on from the bytes of `save`, with its files opened again. Throws StasisError before the guest runs, listing all
   * that is in the way: STASIS_FILE_MISSING, STASIS_FILE_CHANGED, STASIS_MOUNT_NOT_GRANTED; STASIS_MOUNT_UNKNOWN for a grant
   * that the session has no use for; STASIS_KERNEL_STATE_DAMAGED for bytes that are no state.
   */
  static restore(state: Uint8Array, grants: Grants, host: Host): Kernel {
    const saved = decodeState(state)
    const { mounts, fileSystems, problems } = restoreMounts(saved, grants)
    const { clocks } = saved
    const restored: KernelState = {
      args: saved.args,
      env: saved.env,
      mounts,
      fds: saved.fds.map((one) => one?.descriptor ?? null),
      clocks: new BigUint64Array([0n, clocks.monotonic, clocks.cpu, clocks.cpu]),
      poll: saved.poll,
      exitCode: saved.exit,
    }
    const kernel = new Kernel(restored, fileSystems, host, movedClocks(host.clocks, clocks))
    reopenFiles(kernel.#context, saved, grants.allowChangedFiles ?? false, problems)
    return kernel
  }

  /**
   * The state as deterministic bytes, which carry no capability. Throws StasisError STASIS_FILE_DELETED when the program holds
   * a deleted file that is too large to travel.
   */
  save(): Uint8Array {
    return saveState(this.#context)
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
    const call = calls[module as AbiName][name]
    if (call === undefined) return undefined
    const bound = bind(row, call, this.#context) as WasiImport
    if (row.returns === 'errno') return bound
    return (...args) => {
      bound(...args)
      throw new ExitSignal(this.#context.state.exitCode ?? 0)
    }
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

  get exitCode(): number | undefined {
    return this.#context.state.exitCode ?? undefined
  }
}
