/** Bytes: what a ranged read may read too much. */
const maxPiece = 1 << 20

/** Pieces of their own memory, as full as possible: what is stored of a view is all of the memory behind it. */
export function* toPieces(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let left = parts.reduce((sum, part) => sum + part.length, 0)
  let piece = new Uint8Array(Math.min(left, maxPiece))
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
      piece = new Uint8Array(Math.min(left, maxPiece))
      filled = 0
    }
  }
}
