import type { Call, Context } from '../context.ts'
import { Errno } from '../errno.ts'
import { Signal } from '../flags.ts'
import type { KernelState } from '../state.ts'

const encoder = new TextEncoder()

/** Zero-terminated strings as args_get and environ_get give them; made once, since args and env never change. */
const tables = new WeakMap<object, readonly Uint8Array[]>()
function terminated(key: object, strings: () => readonly string[]): readonly Uint8Array[] {
  const known = tables.get(key)
  if (known) return known
  const made = strings().map((text) => encoder.encode(`${text}\0`))
  tables.set(key, made)
  return made
}
const argStrings = (state: KernelState) => terminated(state.args, () => state.args)
const envStrings = (state: KernelState) =>
  terminated(state.env, () => state.env.map(([key, value]) => `${key}=${value}`))

const byteLength = (strings: readonly Uint8Array[]) => strings.reduce((sum, bytes) => sum + bytes.length, 0)

function writeStrings(context: Context, strings: readonly Uint8Array[], pointers: number, buffer: number): number {
  const { memory } = context
  if (!memory.fits(pointers, strings.length * 4) || !memory.fits(buffer, byteLength(strings))) return -Errno.EFAULT
  let at = buffer
  strings.forEach((bytes, index) => {
    memory.view.setUint32(pointers + index * 4, at, true)
    memory.bytes.set(bytes, at)
    at += bytes.length
  })
  return 0
}

/** Signals that POSIX ignores by default. */
const ignoredSignals: ReadonlySet<number> = new Set(
  ['none', 'chld', 'cont', 'urg', 'winch'].map((name) => Signal[name]!),
)

export const processCalls: Readonly<Record<string, Call>> = {
  args_get: {
    perform: (context, argv: number, buffer: number) => writeStrings(context, argStrings(context.state), argv, buffer),
  },
  args_sizes_get: {
    perform: ({ state }) => ({ argc: state.args.length, argv_buf_size: byteLength(argStrings(state)) }),
  },
  environ_get: {
    perform: (context, environ: number, buffer: number) =>
      writeStrings(context, envStrings(context.state), environ, buffer),
  },
  environ_sizes_get: {
    perform: ({ state }) => ({ environ_count: state.env.length, environ_buf_size: byteLength(envStrings(state)) }),
  },
  proc_exit: {
    perform: (_, code: number) => code,
    // The signal is thrown by the kernel once the state knows the code.
    apply: (state, code: number) => {
      state.exitCode = code
    },
  },
  proc_raise: {
    perform: (_, signal: number) => (signal > 30 ? -Errno.EINVAL : ignoredSignals.has(signal) ? 0 : -Errno.ENOTSUP),
  },
  sched_yield: { perform: () => 0 },
  random_get: {
    perform: ({ host }, target: Uint8Array) => {
      host.random(target)
      return 0
    },
  },
}
