import type { IUnicodeVersionProvider } from '@xterm/xterm'
import { characterWidth } from '../../../runtime/terminal/width.ts'

/** Widths for xterm, the same that line editing counts with. What joins a character is drawn in its cell. */
export const widths: IUnicodeVersionProvider = {
  version: 'stasis',
  wcwidth: characterWidth,
  charProperties: (code, preceding) => {
    const width = characterWidth(code)
    const before = (preceding >> 1) & 3
    // As xterm's own: bit 0 says that the character joins the one before, bits 1 and 2 are the width.
    const joins = width === 0 && preceding !== 0 && before !== 0
    return (((joins ? Math.max(before, width) : width) & 3) << 1) | (joins ? 1 : 0)
  },
}
