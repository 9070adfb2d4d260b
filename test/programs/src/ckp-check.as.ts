// Every operation of the AssemblyScript library, and what it says where it cannot be done: ckp-check.c once more.
import {
  Checkpoint, CheckpointFile, ckpCheckpoint, ckpClose, ckpDisable, ckpEnable, ckpIsStasis, ckpLabel, ckpLocate, ckpMessage, ckpMigrate,
  ckpOpen, ckpRegister, ckpRestore, ckpRestoreAll, ckpRestored, ckpSave, ckpSaveAll, ckpUnregister,
  EEXIST, EINVAL, ENOENT, ENOTSUP, ERANGE,
} from '../../../wasm-shim/guest/assembly'

let checks = 0
function check(condition: bool): void {
  checks++
  if (condition) return
  process.stderr.write(`check ${checks}: ${ckpMessage()}\n`)
  process.exit(1)
}

const a = new StaticArray<u8>(20000)
const b = new StaticArray<u8>(3)
const c = new StaticArray<u8>(8192)
const at = (array: StaticArray<u8>): usize => changetype<usize>(array)

function wanted(one: Checkpoint, version: i32, value: i32): void {
  memory.fill(at(a), 99, 20000)
  check(ckpRestore(one, version) == 0)
  check(a[0] == value && a[4999] == value && a[5000] == 0 && a[12288] == 7 && a[19999] == 0)
}

function wider(old: usize, oldLength: usize, region: usize, length: usize): i32 {
  memory.fill(region, 0, length)
  store<u8>(region, load<u8>(old), 1)
  return oldLength == 3 ? 0 : EINVAL
}

/** What a host has compressed is not restored, and never taken for something else; what is saved here is. */
function checkCompressed(): void {
  const file = new CheckpointFile()
  const one = new Checkpoint()
  check(ckpOpen('/data/compressed.ckp', null, file) == 0)
  check(ckpRegister(file, 'c', at(c), 8192, one) == 0)
  memory.fill(at(c), 5, 8192)
  const errno = ckpRestore(one, 0)
  // There is one already where the program runs once more.
  check(errno == 0 || errno == ENOTSUP || errno == ERANGE)
  check(c[0] == 5 && c[8191] == 5)
  if (errno == ENOTSUP) process.stdout.write(`${ckpMessage()}\n`)
  check(ckpSave(one) == 0 && ckpRestore(one, 0) == 0)
  check(ckpClose(file) == 0)
}

function main(): void {
  checkCompressed()
  const path = '/data/check.ckp'
  let file = new CheckpointFile()
  const one = new Checkpoint()
  const two = new Checkpoint()
  const again = new Checkpoint()
  check(ckpOpen(path, 'colour', file) == EINVAL)
  check(ckpSaveAll(file) == EINVAL)
  check(ckpOpen('/data/nowhere/check.ckp', null, file) == ENOENT)
  check(ckpOpen('/elsewhere/check.ckp', null, file) == ENOENT)
  check(ckpOpen(path, null, file) == 0)
  check(ckpRegister(file, 'a', at(a), 20000, one) == 0)
  check(ckpRegister(file, 'b', at(b), 3, two) == 0)
  check(ckpRegister(file, 'b', at(b), 2, two) == EEXIST)
  check(ckpRegister(file, '', at(b), 2, two) == EINVAL)
  check(ckpLocate(file, 'b', again) == 0 && again.region == two.region)
  check(ckpLocate(file, 'x', again) == ENOENT)
  check(ckpRestore(one, 0) == ERANGE)
  for (let version = 1; version <= 5; version++) {
    memory.fill(at(a), <u8>version, 5000)
    memory.fill(at(a) + 12288, 7, 4096)
    b[0] = <u8>version
    check((version == 3 ? ckpSave(one) : ckpSaveAll(file)) == 0)
  }
  wanted(one, 1, 1)
  wanted(one, 5, 5)
  wanted(one, 0, 5)
  wanted(one, -1, 4)
  wanted(one, -4, 1)
  wanted(one, 3, 3)
  check(ckpRestore(one, 6) == ERANGE)
  check(ckpRestore(one, -5) == ERANGE)
  check(ckpMessage() == 'a has no version -5. There are 1 to 5, or 0 for the newest to -4 for the oldest.')
  check(ckpRestoreAll(file, 3) == 0 && a[0] == 3 && b[0] == 2)
  check(ckpRestoreAll(file, -1) == 0 && a[0] == 4 && b[0] == 4)
  check(ckpRestoreAll(file, 6) == ERANGE)
  check(ckpUnregister(two) == 0)
  check(ckpUnregister(two) == EINVAL)
  check(ckpSave(two) == EINVAL)
  check(ckpLocate(file, 'b', two) == ENOENT)
  check(ckpClose(file) == 0)
  check(ckpClose(file) == EINVAL)

  file = new CheckpointFile()
  check(ckpOpen(path, 'durable,replace', file) == 0)
  check(ckpRegister(file, 'c', at(c), 8192) == 0)
  check(ckpRegister(file, 'b', at(b), 2, two) == 0)
  check(ckpRestore(two, 1) == EINVAL)
  // A migration makes of an older version what the region is now.
  check(ckpMigrate('b', 3, wider) == 0)
  check(ckpRestore(two, 1) == 0 && b[0] == 0 && b[1] == 1)
  check(ckpRegister(file, 'b', at(b), 3, two) == 0)
  b[0] = 0
  check(ckpRestore(two, 0) == 0 && b[0] == 5)
  check(ckpRestoreAll(file, 0) == ERANGE)
  check(ckpSaveAll(file) == 0 && ckpRestoreAll(file, 0) == 0)

  const isStasis = ckpIsStasis()
  check(ckpDisable() == 0 && ckpLabel('at the end') == 0 && ckpEnable() == 0)
  check(ckpRestored(two) == 0)
  const taken = ckpCheckpoint()
  check(isStasis ? taken == 1 || taken == 2 : taken == 0)
  if (isStasis) console.log(taken == 2 ? 'restored' : 'taken')
  check(ckpEnable() == (isStasis ? EINVAL : 0))
  check(ckpClose(file) == 0)
}
main()
