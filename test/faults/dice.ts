import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { wat } from '../session/guests.ts'

/** Letters that the program throws. */
export const throws = 63
/** Every how manieth draw is large. */
const every = 21
/** Bytes of one of the large draws, which stand in a chunk outside of the log. */
const large = 200_000

/**
 * Prints so many letters that chance gives, some of them the last of a draw of 200,000 bytes, one byte a call; waits for the
 * end of stdin; prints a sum of all letters as eight more, and exits with 9. What it prints shows whether the letters that
 * it remembers are those that it had shown.
 */
const diceOf = (count: number, period: number): Uint8Array =>
  wat(`(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 4)
  (func $put (param $byte i32)
    (i32.store8 (i32.const 64) (local.get $byte))
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func $draw (param $bytes i32) (result i32)
    (drop (call $random_get (i32.const 4096) (local.get $bytes)))
    (i32.add (i32.const 97) (i32.and (i32.load8_u (i32.add (i32.const 4095) (local.get $bytes))) (i32.const 15))))
  (func (export "_start") (local $n i32) (local $sum i32) (local $letter i32)
    (loop $next
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $letter
        (call $draw (select (i32.const 1) (i32.const ${large}) (i32.rem_u (local.get $n) (i32.const ${period})))))
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $letter)))
      (call $put (local.get $letter))
      (br_if $next (i32.lt_u (local.get $n) (i32.const ${count}))))
    (i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 1))
    (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
    (local.set $n (i32.const 0))
    (loop $digit
      (call $put (i32.add (i32.const 65) (i32.and (local.get $sum) (i32.const 15))))
      (local.set $sum (i32.shr_u (local.get $sum) (i32.const 4)))
      (br_if $digit (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8))))
    (call $proc_exit (i32.const 9))))`)

export const dice = diceOf(throws, every)

/** 30 letters, each of which needs a chunk of its own. */
export const largeDice = diceOf(30, 1)

/** Its calls before letter `n`, counted from 0, was thrown. */
export const callsBefore = (n: number): number => 2 * n

export function sumOf(letters: string): string {
  let sum = 0
  for (const letter of letters) sum = (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0
  return Array.from({ length: 8 }, (_, i) => String.fromCharCode(65 + ((sum >>> (4 * i)) & 15))).join('')
}

/** Files of a directory by their paths in it; empty where there is none. */
export function filesOf(directory: string): Map<string, Buffer> {
  if (!existsSync(directory)) return new Map()
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = `${parentPath}/${name}`
      return [path.slice(directory.length + 1), readFileSync(path)]
    }),
  )
}
