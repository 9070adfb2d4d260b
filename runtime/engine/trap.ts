/** `(module (func (export "trap") unreachable))` */
const trapModule = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x08, 0x01, 0x04, 0x74, 0x72, 0x61, 0x70, 0x00, 0x00],
  ...[0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b],
)

let unreachable: (() => void) | undefined

/**
 * A trap to be thrown from a host function. No guest can catch it: the engine knows a trap by where it was made, also
 * when JavaScript throws it on; a RuntimeError made in JavaScript is an exception like any other.
 */
export function trap(): unknown {
  unreachable ??= new WebAssembly.Instance(new WebAssembly.Module(trapModule)).exports['trap'] as () => void
  try {
    unreachable()
  } catch (thrown) {
    return thrown
  }
  return undefined
}
