;; 64 MB that cannot be compressed. With an argument: once a millisecond it writes the time (8 bytes) and changes a page.
;; Without: for each byte of stdin it changes 164 pages, 1 % of all, and writes a dot; it begins with a dot.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (memory (export "memory") 1025)
  (global $state (mut i64) (i64.const 88172645463325252))
  (func $random (result i64)
    (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 13))))
    (global.set $state (i64.xor (global.get $state) (i64.shr_u (global.get $state) (i64.const 7))))
    (global.set $state (i64.xor (global.get $state) (i64.shl (global.get $state) (i64.const 17))))
    (global.get $state))
  (func $fill (local $at i32)
    (local.set $at (i32.const 65536))
    (loop $next
      (i64.store (local.get $at) (call $random))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 67174400)))))
  ;; One of 16,384 pages, at its beginning.
  (func $touch
    (i64.store
      (i32.add (i32.const 65536) (i32.shl (i32.wrap_i64 (i64.and (call $random) (i64.const 16383))) (i32.const 12)))
      (call $random)))
  (func $write (param $length i32)
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $tick
    (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 64)))
    (call $write (i32.const 8))
    (call $touch)
    (i32.store (i32.const 112) (i32.const 1))
    (i64.store (i32.const 120) (i64.const 1000000))
    (drop (call $poll_oneoff (i32.const 96) (i32.const 256) (i32.const 1) (i32.const 300))))
  (func $change (local $left i32)
    (local.set $left (i32.const 164))
    (loop $next
      (call $touch)
      (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func $dot
    (i32.store8 (i32.const 64) (i32.const 46))
    (call $write (i32.const 1)))
  (func $read (result i32)
    (i32.store (i32.const 16) (i32.const 72))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
    (i32.load (i32.const 24)))
  (func (export "_start")
    (call $fill)
    (drop (call $args_sizes_get (i32.const 32) (i32.const 36)))
    (if (i32.gt_u (i32.load (i32.const 32)) (i32.const 1)) (then (loop $on (call $tick) (br $on))))
    (loop $again
      (call $dot)
      (if (call $read) (then (call $change) (br $again))))))
