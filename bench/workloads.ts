import type { ProgramName } from '../test/programs/programs.ts'

/** A run of a program that takes about half a second. */
export interface Workload {
  readonly name: string
  readonly program: ProgramName
  readonly args: readonly string[]
  /** Smaller arguments, for `--quick`. */
  readonly quick: readonly string[]
  /** Whether Binaryen's Asyncify is measured beside it. */
  readonly rival: boolean
}

const define = (name: string, program: ProgramName, args: string, quick: string, rival = false): Workload => ({
  name,
  program,
  args: args.split(' '),
  quick: quick.split(' '),
  rival,
})

/** `/bench` is bench/guest, `/guest` is test/programs/guest. */
export const workloads: readonly Workload[] = [
  define('Lua: calls, closures', 'lua', '/bench/fib.lua 24 30', '/bench/fib.lua 22 20', true),
  define('Lua: strings', 'lua', '/guest/strings.lua 600', '/guest/strings.lua 200', true),
  define('Lua: mandelbrot', 'lua', '/guest/mandelbrot.lua 540', '/guest/mandelbrot.lua 240', true),
  define('SQLite speedtest1', 'speedtest1', '--size 12 --memdb', '--size 4 --memdb', true),
  define('CPython: recursion', 'cpython', '/bench/queens.py 6 4', '/bench/queens.py 6 1'),
  define('CPython: strings', 'cpython', '/bench/words.py 4', '/bench/words.py 1'),
  define('Ruby', 'ruby', '/bench/compute.rb 8', '/bench/compute.rb 2'),
  define('C: matrix', 'matrix', '200 50', '200 15', true),
  define('C: sieve', 'sieve', '45000000', '16000000', true),
  define('C: hash', 'hash', '2000000', '700000', true),
  define('C: n-body', 'nbody', '4000000', '1000000', true),
]
