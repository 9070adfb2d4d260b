import type { ITheme } from '@xterm/xterm'

/** The sixteen colours, readable on each of the two backgrounds: at least 4.5 : 1 but for black and white themselves. */
const light: ITheme = {
  ...{ black: '#20262e', red: '#b3261e', green: '#1a7346', yellow: '#8a5a00', blue: '#1d5bbf', magenta: '#8b3aa5' },
  ...{ cyan: '#0b6e75', white: '#6d7783', brightBlack: '#59636f', brightRed: '#c7362d', brightGreen: '#1f7f4e' },
  ...{ brightYellow: '#946200', brightBlue: '#2a6ad0', brightMagenta: '#9a46b5', brightCyan: '#0e7a82' },
  brightWhite: '#3a434d',
}
const dark: ITheme = {
  ...{ black: '#1b222b', red: '#ff8a80', green: '#6fd09c', yellow: '#e8c069', blue: '#7db0ff', magenta: '#d29bf0' },
  ...{ cyan: '#63cfd3', white: '#dbe2ea', brightBlack: '#7c8895', brightRed: '#ffa79f', brightGreen: '#8fe0b5' },
  ...{ brightYellow: '#f3d38c', brightBlue: '#a3c7ff', brightMagenta: '#e2b9f7', brightCyan: '#8ce2e5' },
  brightWhite: '#ffffff',
}

/** The theme for what the reader prefers; backgrounds and text come from the style sheet. */
export function themeOf(host: Element): ITheme {
  const style = getComputedStyle(host)
  const value = (name: string) => style.getPropertyValue(name).trim()
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches
  return {
    ...(isDark ? dark : light),
    background: value('--terminal'),
    foreground: value('--terminal-text'),
    cursor: value('--accent'),
    cursorAccent: value('--terminal'),
    selectionBackground: value('--selection'),
    scrollbarSliderBackground: value('--slider'),
    scrollbarSliderHoverBackground: value('--slider-active'),
    scrollbarSliderActiveBackground: value('--slider-active'),
    overviewRulerBorder: '#00000000',
  }
}
