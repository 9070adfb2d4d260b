import crc32 from 'crc-32'

/** CRC-32 (IEEE 802.3) of bytes, as a signed word; `from`: of the bytes before them. */
export type Checksum = (bytes: Uint8Array, from?: number) => number

/** From here on a host's own implementation beats the portable one (Node's takes 0.14 µs up to 256 bytes, 0.7 for 4 KiB). */
const long = 160
let ofLong: Checksum = crc32.buf

/** Lets a host with a faster implementation of the same function provide it, for its process. */
export function provideChecksum(implementation: Checksum): void {
  ofLong = implementation
}

export const checksum: Checksum = (bytes, from = 0) =>
  bytes.length < long ? crc32.buf(bytes, from) : ofLong(bytes, from)
