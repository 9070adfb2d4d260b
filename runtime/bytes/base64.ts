const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const values = new Map([...digits].map((digit, value) => [digit.charCodeAt(0), value]))

/** RFC 4648, with padding: the core knows neither Buffer nor btoa. */
export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b = 0, c = 0] = bytes.subarray(at, at + 3) as unknown as readonly [number, number?, number?]
    const left = bytes.length - at
    parts.push(
      digits[a >> 2]! + digits[((a & 3) << 4) | (b >> 4)]!,
      left > 1 ? digits[((b & 15) << 2) | (c >> 6)]! : '=',
      left > 2 ? digits[c & 63]! : '=',
    )
  }
  return parts.join('')
}

/** undefined for what is no base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let to = 0
  for (let at = 0; at < text.length; at += 4) {
    let word = 0
    for (let i = 0; i < 4; i++) {
      const isPadding = at + i >= text.length - padding
      const value = isPadding ? 0 : values.get(text.charCodeAt(at + i))
      if (value === undefined) return undefined
      word = (word << 6) | value
    }
    for (let shift = 16; shift >= 0 && to < bytes.length; shift -= 8) bytes[to++] = (word >> shift) & 255
  }
  return bytes
}
