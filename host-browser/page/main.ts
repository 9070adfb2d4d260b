/** The page that `npm run web` builds (docs/page.md). */
import { App } from './app.ts'
import { messageOf } from './notice.ts'
import { defineElement } from './session-element.ts'
import controls from './style/controls.css'
import page from './style/page.css'
import tokens from './style/tokens.css'

const sheet = new CSSStyleSheet()
sheet.replaceSync([tokens, controls, page].join('\n'))
document.adoptedStyleSheets = [sheet]
defineElement()

const main = document.querySelector('main')!
App.open(main).catch((error: unknown) => {
  main.textContent = messageOf(error)
})
