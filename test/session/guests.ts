import wabtFactory from 'wabt'

const wabt = await wabtFactory()

export function wat(text: string): Uint8Array {
  const parsed = wabt.parseWat('guest.wat', text, { exceptions: true, multi_value: true, bulk_memory: true })
  try {
    return parsed.toBinary({ write_debug_names: true }).buffer
  } finally {
    parsed.destroy()
  }
}

const wasi = (name: string, params: string, as = name) =>
  `(import "wasi_snapshot_preview1" "${name}" (func $${as} (param ${params}) (result i32)))`

export const imports = `
  ${wasi('fd_write', 'i32 i32 i32 i32')}
  ${wasi('fd_read', 'i32 i32 i32 i32')}
  ${wasi('random_get', 'i32 i32')}
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  ;; Writes the byte of its argument to stdout.
  (func $put (param $byte i32)
    (i32.store8 (i32.const 64) (local.get $byte))
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))`

/** Writes the letters from a on inside nested calls, each with locals of its own, 26 calls in all; exits with 7. */
export const letters: Uint8Array = wat(`(module ${imports}
  (func $nest (param $depth i32) (result i32) (local $mine i32)
    (local.set $mine (i32.add (i32.const 97) (local.get $depth)))
    (call $put (local.get $mine))
    (if (i32.lt_u (local.get $depth) (i32.const 12))
      (then (drop (call $nest (i32.add (local.get $depth) (i32.const 1))))))
    (call $put (i32.sub (local.get $mine) (i32.const 32)))
    (local.get $mine))
  (func (export "_start")
    (drop (call $nest (i32.const 0)))
    (call $proc_exit (i32.const 7))))`)

export const lettersOutput = 'abcdefghijklmMLKJIHGFEDCBA'

/** Copies stdin to stdout, one byte a call; returns at the end. */
export const echo: Uint8Array = wat(`(module ${imports}
  (func (export "_start")
    (block $done
      (loop $next
        (i32.store (i32.const 16) (i32.const 64))
        (i32.store (i32.const 20) (i32.const 1))
        (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
        (br_if $done (i32.eqz (i32.load (i32.const 24))))
        (call $put (i32.load8_u (i32.const 64)))
        (br $next)))))`)

/** A reactor: `_initialize` sets the counter to 10; `next` adds 1, makes a call, and returns it; \`fail\` traps. */
export const counter: Uint8Array = wat(`(module ${imports}
  (global $count (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $count (i32.const 10)))
  (func (export "next") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (drop (call $random_get (i32.const 128) (i32.const 4)))
    (global.get $count))
  (func (export "echo") (param $value i64) (result i64)
    (call $put (i32.const 33))
    (local.get $value))
  (func $broken (unreachable))
  (func (export "fail") (call $broken)))`)

/** A reactor: `write` puts a byte at the beginning of a file in its directory, whose name is one letter; 0 or an errno. */
export const scribe: Uint8Array = wat(`(module
  ${wasi('path_open', 'i32 i32 i32 i32 i32 i64 i64 i32 i32')}
  ${wasi('fd_close', 'i32')}
  ${imports}
  (func (export "write") (param $letter i32) (param $byte i32) (result i32) (local $errno i32)
    (i32.store8 (i32.const 200) (local.get $letter))
    (local.set $errno (call $path_open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 1) (i32.const 1)
      (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 204)))
    (if (local.get $errno) (then (return (local.get $errno))))
    (i32.store8 (i32.const 64) (local.get $byte))
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_write (i32.load (i32.const 204)) (i32.const 16) (i32.const 1) (i32.const 24)))
    (call $fd_close (i32.load (i32.const 204)))))`)

/** Runs for ever, making a call each time around. */
export const busy: Uint8Array = wat(`(module ${imports}
  (func (export "_start")
    (loop $again
      (drop (call $random_get (i32.const 128) (i32.const 4)))
      (br $again))))`)

/** A start function that writes s before _start writes S. */
export const withStart: Uint8Array = wat(`(module ${imports}
  (func $begin (call $put (i32.const 115)))
  (func (export "_start") (call $put (i32.const 83)))
  (start $begin))`)

/** Traps in the function $inner, called by $outer. */
export const broken: Uint8Array = wat(`(module ${imports}
  (func $inner (call $put (i32.const 33)) (unreachable))
  (func $outer (call $inner))
  (func $main (export "_start") (call $outer)))`)

export const needsMore: Uint8Array = wat(`(module (import "env" "magic" (func $magic))
  (memory (export "memory") 1)
  (func (export "_start") (call $magic)))`)

/** Computes for ever. */
export const looping: Uint8Array = wat(`(module ${imports}
  (global $sum (mut i32) (i32.const 0))
  (func $step (global.set $sum (i32.add (global.get $sum) (i32.const 1))))
  (func (export "_start") (loop $again (call $step) (br $again))))`)

/**
 * Clears its data segment, grows, writes 40 into the new page and 2 into the old ones, makes its first call, and exits
 * with the sum of everything in its memory.
 */
export const forgetful: Uint8Array = wat(`(module ${imports}
  (data (i32.const 9000) "all of this is to be forgotten")
  (func (export "_start") (local $at i32) (local $sum i32)
    (memory.fill (i32.const 9000) (i32.const 0) (i32.const 30))
    (drop (memory.grow (i32.const 3)))
    (i32.store8 (i32.const 200000) (i32.const 40))
    (i32.store8 (i32.const 100000) (i32.const 2))
    (drop (call $random_get (i32.const 128) (i32.const 0)))
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 327680))))
    (call $proc_exit (local.get $sum))))`)

/** Makes its one call below `depth` others, adds up on the way back, and exits with the sum modulo 256. */
export const deep = (depth: number): Uint8Array =>
  wat(`(module ${imports}
  (func $down (param $left i32) (result i32)
    (if (i32.eqz (local.get $left))
      (then (drop (call $random_get (i32.const 128) (i32.const 4))) (return (i32.const 0))))
    (i32.add (i32.const 1) (call $down (i32.sub (local.get $left) (i32.const 1)))))
  (func (export "_start")
    (call $proc_exit (i32.and (i32.const 255) (call $down (i32.const ${depth}))))))`)

const stasis = (name: string, params = '') =>
  `(import "stasis" "${name}" (func $${name} ${params && `(param ${params})`} (result i32)))`

/** Runs `body` as `_start`, with all functions of the module `stasis`; at 2048 stands the text "step é", and no UTF-8 behind. */
export const stasisGuest = (body: string): Uint8Array =>
  wat(`(module
  ${stasis('present')} ${stasis('checkpoint')} ${stasis('disable')} ${stasis('enable')} ${stasis('label', 'i32 i32')}
  ${stasis('region', 'i32 i32 i32 i32 i32 i32')} ${stasis('region_saved', 'i32 i32 i32 i32 i32')}
  ${stasis('region_forget', 'i32 i32 i32')} ${wasi('poll_oneoff', 'i32 i32 i32 i32')}
  ${imports}
  (data (i32.const 2048) "step \\c3\\a9\\ff")
  (func (export "_start") ${body}))`)
