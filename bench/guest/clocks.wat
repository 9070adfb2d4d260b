;; A million looks at the clock, and nothing else.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 1000000))
    (loop $again
      (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 96)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
