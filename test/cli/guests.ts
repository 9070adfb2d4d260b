import wabt from 'wabt'

const { parseWat } = await wabt()

const wasi = (name: string, signature: string) =>
  `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${signature}))`
const fdWrite = wasi('fd_write', '(param i32 i32 i32 i32) (result i32)')
const procExit = wasi('proc_exit', '(param i32)')
/** Writes a data segment that lies at 1024. */
const say = (length: number, offset = 1024) => `
  (i32.store (i32.const 0) (i32.const ${offset})) (i32.store (i32.const 4) (i32.const ${length}))
  (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`

/** Small programs that stand for what a guest can be doing when it is frozen, each from inside a nested call. */
const texts = {
  /** Exits with the number of its arguments, its own name included. */
  args: `(module ${wasi('args_sizes_get', '(param i32 i32) (result i32)')} ${procExit} (memory (export "memory") 1)
    (func (export "_start") (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
      (call $proc_exit (i32.load (i32.const 0)))))`,

  /** Prints its environment, each variable followed by a zero byte. */
  env: `(module ${wasi('environ_sizes_get', '(param i32 i32) (result i32)')} ${fdWrite}
    ${wasi('environ_get', '(param i32 i32) (result i32)')} (memory (export "memory") 1)
    (func (export "_start") (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
      (i32.store (i32.const 16) (i32.const 8192)) (i32.store (i32.const 20) (i32.load (i32.const 4)))
      (drop (call $environ_get (i32.const 1024) (i32.const 8192)))
      (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))`,

  trap: `(module (memory (export "memory") 1) (func $inner unreachable) (func $outer (call $inner))
    (func (export "_start") (call $outer)))`,

  /** Copies stdin to stdout and exits with the number of lines. */
  echo: `(module ${wasi('fd_read', '(param i32 i32 i32 i32) (result i32)')} ${fdWrite} ${procExit}
    (memory (export "memory") 1) (data (i32.const 1024) "ready\\0a") (global $lines (mut i32) (i32.const 0))
    (func $count (param $at i32) (param $end i32)
      (block $done (loop $next (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 10))
          (then (global.set $lines (i32.add (global.get $lines) (i32.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $next))))
    (func $pump (result i32) (local $n i32)
      (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 1024))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $n (i32.load (i32.const 8)))
      (call $count (i32.const 2048) (i32.add (i32.const 2048) (local.get $n)))
      (i32.store (i32.const 4) (local.get $n))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.get $n))
    (func (export "_start") ${say(6)} (loop $again (br_if $again (call $pump))) (call $proc_exit (global.get $lines))))`,

  /** Computes for some seconds without a call, prints "sum ok" where the sum is right, and exits with 7. */
  compute: `(module ${fdWrite} ${procExit} (memory (export "memory") 1)
    (data (i32.const 1024) "ready\\0asum ok\\0a")
    (func $row (param $n i32) (result i32) (local $i i32) (local $x i32)
      (local.set $x (local.get $n))
      (loop $next
        (local.set $x (i32.xor (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20000))))
      (i32.and (local.get $x) (i32.const 0)))
    (func $work (result i32) (local $n i32) (local $sum i32)
      (loop $next
        (local.set $sum (i32.add (i32.add (local.get $sum) (i32.const 3)) (call $row (local.get $n))))
        (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 150000))))
      (local.get $sum))
    (func (export "_start") ${say(6)}
      (if (i32.eq (call $work) (i32.const 450000)) (then ${say(7, 1030)})) (call $proc_exit (i32.const 7))))`,

  /** Sleeps for six seconds, several times what a loaded machine needs to freeze it, then prints "woke". */
  sleep: `(module ${fdWrite} ${wasi('poll_oneoff', '(param i32 i32 i32 i32) (result i32)')} (memory (export "memory") 1)
    (data (i32.const 1024) "ready\\0awoke\\0a")
    (func $nap (i32.store (i32.const 112) (i32.const 1)) (i64.store (i32.const 120) (i64.const 6000000000))
      (drop (call $poll_oneoff (i32.const 96) (i32.const 256) (i32.const 1) (i32.const 300))))
    (func (export "_start") ${say(6)} (call $nap) ${say(5, 1030)}))`,

  /** Never makes a call and never comes to an end. */
  spin: `(module ${fdWrite} (memory (export "memory") 1) (data (i32.const 1024) "ready\\0a")
    (func $forever (loop $again (br $again))) (func (export "_start") ${say(6)} (call $forever)))`,

  /** Imports what nobody provides. */
  foreign: `(module (import "env" "magic" (func)) (func (export "_start")))`,
} as const

export type GuestName = keyof typeof texts

export const guestNames = Object.keys(texts) as GuestName[]

export function assembleGuest(name: GuestName): Uint8Array {
  return parseWat(`${name}.wat`, texts[name]).toBinary({ write_debug_names: true }).buffer
}
