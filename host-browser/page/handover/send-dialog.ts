import { button, h, replace } from '../dom.ts'
import { messageOf } from '../notice.ts'
import { lastServer, rememberServer } from './last-server.ts'
import { type ServerPlace, serverOf } from './server.ts'
import type { OtherTab } from './tabs.ts'

export interface SendActions {
  readonly others: () => Promise<readonly OtherTab[]>
  readonly toNewTab: () => Promise<void>
  readonly toTab: (tab: OtherTab) => Promise<void>
  readonly toFile: () => Promise<void>
  readonly toServer: (place: ServerPlace, progress: (text: string) => void) => Promise<void>
}

/** Where a session may go. Resolves when the dialog is closed. */
export function openSendDialog(root: ShadowRoot, name: string, actions: SendActions): Promise<void> {
  const status = h('p', { role: 'status' })
  const list = h('ul', {})
  const controls: HTMLButtonElement[] = []
  const act = (label: string, run: () => Promise<void>, attributes = {}) => {
    const made = button(label, () => void attempt(run), attributes)
    controls.push(made)
    return made
  }
  const attempt = async (run: () => Promise<void>) => {
    for (const control of controls) control.disabled = true
    try {
      await run()
      dialog.close()
    } catch (error) {
      status.className = 'bad'
      replace(status, messageOf(error))
    } finally {
      for (const control of controls) control.disabled = false
    }
  }
  const url = h('input', { type: 'url', placeholder: location.origin, 'aria-label': 'Address of the server' })
  const token = h('input', {
    type: 'password',
    placeholder: 'Token, if it asks for one',
    'aria-label': 'Token',
    autocomplete: 'off',
  })
  const last = lastServer()
  url.value = last.url
  token.value = last.token
  const toServer = () => {
    const place = { url: serverOf(url.value || location.origin), token: token.value }
    rememberServer(place)
    status.className = ''
    return actions.toServer(place, (text) => replace(status, text))
  }
  const server = h(
    'section',
    {},
    h('h3', {}, 'A server'),
    h(
      'p',
      {},
      'That runs ',
      h('code', {}, 'stasis serve'),
      '. It is copied while it goes on, and stops for the rest only.',
    ),
    h('div', { class: 'row' }, url, token, act('Send', toServer)),
  )
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'send-title' },
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'send-title' }, `Send ${name} to…`),
      h('p', {}, 'It stops here with a checkpoint, and goes on there from the same instant.'),
      h('section', {}, h('h3', {}, 'Another tab'), list, h('div', { class: 'row' }, act('New tab', actions.toNewTab))),
      h(
        'section',
        {},
        h('h3', {}, 'A file'),
        h(
          'div',
          { class: 'row' },
          act('Save as file', actions.toFile),
          h('p', {}, 'Drop it on this page in any browser.'),
        ),
      ),
      server,
      status,
      h(
        'menu',
        {},
        button('Cancel', () => dialog.close()),
      ),
    ),
  )
  root.append(dialog)
  dialog.showModal()
  void actions.others().then((tabs) => {
    replace(
      list,
      tabs.map((tab) =>
        h(
          'li',
          { class: 'row' },
          act(tab.title, () => actions.toTab(tab)),
        ),
      ),
    )
  })
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve()
    })
  })
}
