;; Looks at the clock for ever, three calls deep. The benchmark grows and fills the memory.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func $look (param $at i32) (result i32)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (local.get $at)))
    (i32.load (local.get $at)))
  (func $twice (param $at i32) (result i32)
    (i32.xor (call $look (local.get $at)) (call $look (i32.add (local.get $at) (i32.const 8)))))
  (func (export "_start")
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $twice (i32.const 64))))
      (br $again))))
