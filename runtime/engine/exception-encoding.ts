/** `(func try catch_all end)`: the smallest module with an exception of the legacy encoding. */
const legacyModule = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x08, 0x01, 0x06, 0x00, 0x06, 0x40, 0x19, 0x0b, 0x0b],
)

/** How to pre-link for this host: as `prelink` thinks best, unless the host has dropped the legacy exceptions (D2). */
export function exceptionEncoding(): 'auto' | 'exnref' {
  return WebAssembly.validate(legacyModule) ? 'auto' : 'exnref'
}
