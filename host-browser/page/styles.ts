import xterm from '@xterm/xterm/css/xterm.css'
import controls from './style/controls.css'
import session from './style/session.css'
import tokens from './style/tokens.css'

/** The style sheets of `<stasis-session>`, in its shadow root: they touch nothing of the page around. */
export function adoptStyles(root: ShadowRoot): void {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync([tokens, controls, xterm, session].join('\n'))
  root.adoptedStyleSheets = [sheet]
}
