import { type AbiName, findRow } from './abi.ts'
import { calls } from './calls/index.ts'
import type { Context } from './context.ts'
import type { FileSystem } from './fs/file-system.ts'
import { GuestMemory } from './guest-memory.ts'
import { ExitSignal, type Host } from './host.ts'
import { bind } from './link.ts'
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

/** A host function of a WASI import. */
// biome-ignore lint/suspicious/noExplicitAny: WebAssembly passes values whose types only the table knows
export type WasiImport = (...args: any[]) => unknown

/**
 * A WASI preview1 process: its state, and the capabilities that its calls use. Guests' mistakes are errnos; the only things
 * thrown are ExitSignal, WaitInterrupted and StasisError.
 */
export class Kernel {
  readonly #context: Context

  private constructor(state: KernelState, mounts: readonly Mount[], host: Host) {
    this.#context = {
      state,
      host,
      streams: [host.stdin, host.stdout, host.stderr],
      memory: new GuestMemory(),
      fileSystems: mounts.map((mount) => mount.fs),
      handles: [],
      clockOffsets: { monotonic: 0n, cpu: 0n },
    }
  }

  static create(config: KernelConfig, host: Host): Kernel {
    const mounts = config.mounts.map(({ guest, kind, source, readOnly }) => ({
      guest,
      kind,
      source: source ?? null,
      readOnly,
    }))
    return new Kernel(initialState(config.args, config.env, mounts), config.mounts, host)
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

  get exitCode(): number | undefined {
    return this.#context.state.exitCode ?? undefined
  }
}
