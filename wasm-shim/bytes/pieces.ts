/** The parts in pieces of `most` bytes, each of its own memory; the last one may be shorter. Nothing for no bytes. */
export function* toPieces(parts: readonly Uint8Array[], most: number): Generator<Uint8Array> {
  let left = parts.reduce((sum, part) => sum + part.length, 0)
  let piece = new Uint8Array(Math.min(left, most))
  let filled = 0
  for (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const count = Math.min(part.length - at, piece.length - filled)
      piece.set(part.subarray(at, at + count), filled)
      at += count
      filled += count
      if (filled < piece.length) continue
      yield piece
      left -= filled
      piece = new Uint8Array(Math.min(left, most))
      filled = 0
    }
  }
}
