;; Loops over one WASI call each; every function returns the last errno that was not 0.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "data.bin")
  (data (i32.const 16) "out.bin")
  ;; An iovec of 64 bytes at 64, and one of 4096 bytes at 72.
  (data (i32.const 64) "\00\10\00\00\40\00\00\00\00\20\00\00\00\10\00\00")
  (global $in (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0))
  (global $errno (mut i32) (i32.const 0))

  (func $check (param $errno i32)
    (if (local.get $errno) (then (global.set $errno (local.get $errno)))))

  (func $open_in (call $check
    (call $path_open (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 0)
      (i64.const 0x6) (i64.const 0) (i32.const 0) (i32.const 96))))

  (func (export "open") (result i32)
    (call $open_in)
    (global.set $in (i32.load (i32.const 96)))
    ;; O_CREAT | O_TRUNC; FD_SEEK and FD_WRITE
    (call $check (call $path_open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 7) (i32.const 9)
      (i64.const 0x44) (i64.const 0) (i32.const 0) (i32.const 96)))
    (global.set $out (i32.load (i32.const 96)))
    (global.get $errno))

  (func (export "clock_time_get") (param $times i32) (result i32)
    (loop $again
      (call $check (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 96)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (global.get $errno))

  (func $write (param $fd i32) (param $times i32)
    (loop $again
      (call $check (call $fd_write (local.get $fd) (i32.const 64) (i32.const 1) (i32.const 96)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))

  (func (export "fd_write") (param $times i32) (result i32)
    (call $check (call $fd_seek (global.get $out) (i64.const 0) (i32.const 0) (i32.const 96)))
    (call $write (global.get $out) (local.get $times))
    (global.get $errno))

  (func (export "fd_write_stdout") (param $times i32) (result i32)
    (call $write (i32.const 1) (local.get $times))
    (global.get $errno))

  ;; The file has 4 MiB: back to its beginning every 1024 times.
  (func (export "fd_read") (param $times i32) (result i32)
    (loop $again
      (if (i32.eqz (i32.and (local.get $times) (i32.const 1023)))
        (then (call $check (call $fd_seek (global.get $in) (i64.const 0) (i32.const 0) (i32.const 96)))))
      (call $check (call $fd_read (global.get $in) (i32.const 72) (i32.const 1) (i32.const 96)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (global.get $errno))

  (func (export "path_open") (param $times i32) (result i32)
    (loop $again
      (call $open_in)
      (call $check (call $fd_close (i32.load (i32.const 96))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (global.get $errno)))
