/** Zstandard on any Node, without compression but for pages of one byte: frames as a host's encoder makes them. */
export function writeZstd(content: Uint8Array): Uint8Array {
  const page = 4096
  const parts: number[] = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...bytesOf(content.length, 4)]
  for (let at = 0; at === 0 || at < content.length; at += page) {
    const block = content.subarray(at, at + page)
    const isLast = at + page >= content.length ? 1 : 0
    const isRun = block.length > 0 && block.every((byte) => byte === block[0])
    parts.push(...bytesOf((block.length << 3) | (isRun ? 2 : 0) | isLast, 3), ...(isRun ? [block[0]!] : block))
  }
  return Uint8Array.from(parts)
}

const bytesOf = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => (value >>> (8 * i)) & 255)

/** The content of such a frame. */
export function readZstd(frame: Uint8Array): Uint8Array {
  const number = (at: number, count: number) =>
    frame.subarray(at, at + count).reduceRight((sum, byte) => sum * 256 + byte, 0)
  const content = new Uint8Array(number(5, 4))
  let written = 0
  for (let at = 9, isLast = false; !isLast; ) {
    const header = number(at, 3)
    const length = header >> 3
    const isRun = (header & 2) !== 0
    if (isRun) content.fill(frame[at + 3]!, written, written + length)
    else content.set(frame.subarray(at + 3, at + 3 + length), written)
    written += length
    at += 3 + (isRun ? 1 : length)
    isLast = (header & 1) !== 0
  }
  return content
}
