// Small guests for browser tests.
import wabtInit from 'wabt'

const wabt = await wabtInit()

export function wat(source: string): Uint8Array {
  const module = wabt.parseWat('guest.wat', source, { exceptions: true })
  const { buffer } = module.toBinary({})
  module.destroy()
  return new Uint8Array(buffer)
}

/** Prints "before", sleeps for 700 ms, prints "after", and exits with 3. */
export const sleeper = (): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\40\\00\\00\\00\\07\\00\\00\\00\\50\\00\\00\\00\\06\\00\\00\\00")
    (data (i32.const 64) "before\\0a")
    (data (i32.const 80) "after\\0a")
    (func (export "_start")
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 200)))
      ;; a relative timeout on the monotonic clock
      (i32.store (i32.const 272) (i32.const 1))
      (i64.store (i32.const 280) (i64.const 700000000))
      (drop (call $poll (i32.const 256) (i32.const 400) (i32.const 1) (i32.const 200)))
      (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 200)))
      (call $exit (i32.const 3))))`)

/** Copies stdin to stdout byte by byte, and sleeps for 200 ms after each. */
export const dripper = (): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
    (func (export "_start")
      (i32.store (i32.const 272) (i32.const 1))
      (i64.store (i32.const 280) (i64.const 200000000))
      (block $done
        (loop $next
          (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 200)))
          (br_if $done (i32.eqz (i32.load (i32.const 200))))
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 200)))
          (drop (call $poll (i32.const 256) (i32.const 400) (i32.const 1) (i32.const 204)))
          (br $next)))))`)

/** Computes and prints ten digits, one after each `iterations` hundred steps, then a newline. */
export const counter = (iterations: number): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
    (global $sum (mut i32) (i32.const 1))
    (func $work (param $n i32)
      (loop $again
        (global.set $sum (i32.add (i32.mul (global.get $sum) (i32.const 1664525)) (i32.const 1013904223)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func $print (param $byte i32)
      (i32.store8 (i32.const 64) (local.get $byte))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 200))))
    (func (export "_start") (local $i i32) (local $j i32)
      (loop $digits
        (local.set $j (i32.const ${iterations}))
        (loop $parts
          (call $work (i32.const 100))
          (br_if $parts (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
        (call $print (i32.add (i32.const 48) (i32.rem_u (i32.shr_u (global.get $sum) (i32.const 8)) (i32.const 10))))
        (br_if $digits (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10))))
      (call $print (i32.const 10))))`)

/**
 * Reads stdin byte by byte up to a full stop, prints a star after each and computes for `iterations` hundred steps; at last
 * it prints what it has read, behind an equals sign.
 */
export const thinker = (iterations: number): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\41\\00\\00\\00\\01\\00\\00\\00\\40\\00\\00\\00\\01\\00\\00\\00\\7f")
    (data (i32.const 64) "*")
    (data (i32.const 127) "=")
    (global $sum (mut i32) (i32.const 1))
    (func $work (param $n i32)
      (loop $again
        (global.set $sum (i32.add (i32.mul (global.get $sum) (i32.const 1664525)) (i32.const 1013904223)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "_start") (local $j i32) (local $count i32)
      (block $done
        (loop $next
          (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 200)))
          (br_if $done (i32.eqz (i32.load (i32.const 200))))
          (i32.store8 offset=128 (local.get $count) (i32.load8_u (i32.const 65)))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $done (i32.eq (i32.load8_u (i32.const 65)) (i32.const 46)))
          (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 200)))
          (local.set $j (i32.const ${iterations}))
          (loop $parts
            (call $work (i32.const 100))
            (br_if $parts (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
          (br $next)))
      (i32.store (i32.const 20) (i32.add (local.get $count) (i32.const 1)))
      (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 200)))))`)

/** Calls itself 6000 times, and reads a byte from stdin down there. */
export const deepReader = (): Uint8Array =>
  wat(`(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\\40\\00\\00\\00\\01\\00\\00\\00")
    (func $deep (param $n i32) (result i32)
      (if (result i32) (local.get $n)
        (then (i32.add (call $deep (i32.sub (local.get $n) (i32.const 1))) (local.get $n)))
        (else (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 200)))))
    (func (export "_start")
      (drop (call $deep (i32.const 6000)))))`)
