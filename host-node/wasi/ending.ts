import { ExitSignal } from '../../wasm-shim/wasi/host.ts'

/** (module (func (export "trap") unreachable)) */
const trapModule = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x08, 0x01, 0x04, 0x74, 0x72, 0x61, 0x70, 0x00, 0x00, 0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b],
)
let trap: (() => void) | undefined

/**
 * A trap's error, which no `catch_all` of a guest takes, unlike everything that JavaScript throws by itself: a C++ program's
 * destructors and `catch (...)` are not for exit(), nor for errors of the host.
 */
function uncatchable(): unknown {
  trap ??= new WebAssembly.Instance(new WebAssembly.Module(trapModule)).exports.trap as () => void
  try {
    trap()
  } catch (error) {
    return error
  }
  return undefined
}

/** As in node:wasi: what a call of an export throws when the guest exits in it and nobody waits in `start`. */
const exitCodeSymbol = Symbol('kExitCode')

/** How a guest's exit, and what a call throws, come out of the guest. */
export class Endings {
  /** Of the last exit. */
  exitCode = 0
  readonly #returnOnExit: boolean
  /** Calls of the guest by `run` that have not returned. */
  #running = 0
  #travelling: { readonly as: unknown; readonly thrown: unknown } | undefined

  constructor(returnOnExit: boolean) {
    this.#returnOnExit = returnOnExit
  }

  /** An engine runs the guest, and knows by itself how what is thrown gets out of it. */
  isLeftToEngine = false

  /** Called by an import instead of throwing. */
  readonly fail = (thrown: unknown): never => {
    if (this.isLeftToEngine) throw thrown
    const reason = thrown instanceof ExitSignal ? this.#exit(thrown.code) : thrown
    if (this.#running === 0) throw reason
    const as = uncatchable()
    this.#travelling = { as, thrown: reason }
    throw as
  }

  /** Calls the guest and lets what imports threw come out as it was; an exit does not come out of `start`. */
  run(call: () => void, kind: 'start' | 'initialize'): void {
    this.#running++
    try {
      call()
    } catch (error) {
      const travelling = this.#travelling
      const reason = travelling !== undefined && travelling.as === error ? travelling.thrown : error
      if (reason !== exitCodeSymbol || kind !== 'start') throw reason
    } finally {
      this.#running--
      this.#travelling = undefined
    }
  }

  /** What an exit makes of `start`. */
  exit(code: number): void {
    this.exitCode = code | 0
    if (!this.#returnOnExit) process.exit(this.exitCode)
  }

  #exit(code: number): symbol {
    this.exit(code)
    return exitCodeSymbol
  }
}
