import binaryen from 'binaryen'

const { GC, ReferenceTypes, BulkMemory, Multivalue, MutableGlobals } = binaryen.Features

/**
 * A WASI program with what the pre-linker refuses: it copies stdin to stdout, a byte a call, counts in a struct of the
 * garbage collector by a typed function reference, and exits with the count.
 */
export function gcGuest(): Uint8Array {
  const module = binaryen.parseText(`(module
    (type $counter (struct (field (mut i32))))
    (rec (type $node (sub (struct (field (ref null $node)))))
      (type $leaf (sub $node (struct (field (ref null $node)) (field f64)))))
    (type $next (func (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 1)
    (func $increment (type $next) (i32.add (local.get 0) (i32.const 1)))
    (elem declare func $increment)
    (func (export "_start") (local $counter (ref null $counter)) (local $next (ref null $next))
      (local.set $counter (struct.new $counter (i32.const 0)))
      (local.set $next (ref.func $increment))
      (drop (struct.new $leaf (ref.null $node) (f64.const 1)))
      (i32.store (i32.const 16) (i32.const 64))
      (i32.store (i32.const 20) (i32.const 1))
      (block $done (loop $again
        (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
        (br_if $done (i32.eqz (i32.load (i32.const 24))))
        (struct.set $counter 0 (local.get $counter)
          (call_ref $next (struct.get $counter 0 (local.get $counter)) (local.get $next)))
        (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
        (br $again)))
      (call $proc_exit (struct.get $counter 0 (local.get $counter)))))`)
  try {
    module.setFeatures(GC | ReferenceTypes | BulkMemory | Multivalue | MutableGlobals)
    return module.emitBinary()
  } finally {
    module.dispose()
  }
}
