/** Ranges of characters that take two columns (Unicode's East_Asian_Width W and F), emoji not counted: first, last. */
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x20000, 0x3fffd],
]
const emoji = /\p{Emoji_Presentation}/u
/** Marks over or around the character before, joiners, variation selectors, and the later halves of Hangul syllables. */
const combining = /[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]/u

/** Columns that a terminal gives to a character, by its code point: 0, 1 or 2. */
export function characterWidth(code: number): 0 | 1 | 2 {
  if (code < 0x300) return code < 32 || (code >= 127 && code < 160) ? 0 : 1
  if (combining.test(String.fromCodePoint(code))) return 0
  if (code < 0x1100) return 1
  if (wide.some(([first, last]) => code >= first && code <= last)) return 2
  return emoji.test(String.fromCodePoint(code)) ? 2 : 1
}
