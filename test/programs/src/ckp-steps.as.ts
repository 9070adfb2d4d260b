// Takes up its work where it was, one step back, each time it is started.
import { Checkpoint, CheckpointFile, ckpClose, ckpMessage, ckpOpen, ckpRegister, ckpRestore, ckpSave } from '../../../wasm-shim/guest/assembly'

@unmanaged
class State {
  step: i32
}

const length: usize = 80008
const bytes = new ArrayBuffer(<i32>length)
const state = changetype<State>(changetype<usize>(bytes))
const values = changetype<usize>(bytes) + 8

/** A whole number as one. */
function text(value: f64): string {
  const digits = value.toString()
  return digits.endsWith('.0') ? digits.substring(0, digits.length - 2) : digits
}

function main(): void {
  const file = new CheckpointFile()
  const checkpoint = new Checkpoint()
  let errno = ckpOpen('/data/steps.ckp', null, file)
  if (errno == 0) errno = ckpRegister(file, 'state', changetype<usize>(bytes), length, checkpoint)
  if (errno != 0) {
    process.stderr.write(`${ckpMessage()}\n`)
    process.exit(1)
  }
  if (ckpRestore(checkpoint, -1) == 0) console.log(`restored step ${state.step}, ${text(load<f64>(values))}`)
  while (state.step < 8) {
    state.step++
    for (let i = 0; i < 1000; i++) {
      const at = values + (<usize>i << 3)
      store<f64>(at, load<f64>(at) + state.step * (i + 1))
    }
    if (ckpSave(checkpoint) != 0) {
      process.stderr.write(`${ckpMessage()}\n`)
      process.exit(1)
    }
    console.log(`saved step ${state.step}`)
    // To be killed in the midst of its work.
    if (process.argv.length > 1 && state.step == 5) process.stdin.read(new ArrayBuffer(1))
  }
  ckpClose(file)
}
main()
