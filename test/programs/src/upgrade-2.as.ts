// upgrade-2.c once more: goes on from what version 1 of the program, in C, had registered.
import {
  Checkpoint, CheckpointFile, ckpCheckpoint, ckpClose, ckpMessage, ckpMigrate, ckpOpen, ckpRegister, ckpRestored, EINVAL,
} from '../../../wasm-shim/guest/assembly'

@unmanaged
class State {
  count: i64
  restored: i32
}

const length = offsetof<State>()
const bytes = new ArrayBuffer(<i32>length)
const state = changetype<State>(changetype<usize>(bytes))

function fromVersion1(old: usize, oldLength: usize, region: usize, newLength: usize): i32 {
  store<i64>(region, load<i32>(old))
  store<i32>(region, 0, 8)
  return oldLength == 4 && newLength == length ? 0 : EINVAL
}

function main(): void {
  const file = new CheckpointFile()
  const checkpoint = new Checkpoint()
  // With an argument it knows no way.
  if (process.argv.length == 1) ckpMigrate('state', 4, fromVersion1)
  if (ckpOpen('/data/count.ckp', null, file) != 0 || ckpRegister(file, 'state', changetype<usize>(bytes), length, checkpoint) != 0) {
    process.stderr.write(`${ckpMessage()}\n`)
    process.exit(1)
  }
  if (ckpRestored(checkpoint) != 0) state.restored++
  state.count += 5000000000
  console.log(`counted to ${state.count}, restored ${state.restored} times`)
  ckpCheckpoint()
  ckpClose(file)
}
main()
