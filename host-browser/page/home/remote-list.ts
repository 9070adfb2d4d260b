import { formatSize, plural } from '../../../runtime/inspect/format.ts'
import { button, h, replace } from '../dom.ts'
import { lastServer, rememberServer } from '../handover/last-server.ts'
import { listRemote, type RemoteSession, type ServerPlace } from '../handover/server.ts'

/** Sessions of the `stasis serve` that this page came from; hidden where it came from elsewhere. */
export class RemoteList {
  readonly element: HTMLElement
  readonly #take: (name: string, place: ServerPlace) => Promise<void>
  readonly #list = h('div')
  readonly #status = h('p', { class: 'empty', role: 'status' })

  constructor(take: (name: string, place: ServerPlace) => Promise<void>) {
    this.#take = take
    this.element = h(
      'section',
      { 'aria-labelledby': 'remote', hidden: true },
      h('h2', { id: 'remote' }, 'Sessions on this server'),
      this.#list,
      this.#status,
    )
  }

  async refresh(): Promise<void> {
    const { token } = lastServer()
    const place = { url: location.origin, token }
    const found = await listRemote(place)
    this.element.hidden = found === undefined
    if (found === undefined) return
    if (found === 'token') replace(this.#list, this.#tokenForm(token !== ''))
    else if (found.length === 0) replace(this.#list, h('p', { class: 'empty' }, 'None yet.'))
    else
      replace(
        this.#list,
        h(
          'ul',
          { class: 'sessions' },
          found.map((one) => this.#item(one, place)),
        ),
      )
  }

  #item(session: RemoteSession, place: ServerPlace): HTMLElement {
    const { name, runnable, running } = session
    const take = button('Resume here', () => void this.#fetch(name, place, take), {
      disabled: !runnable || running === 'elsewhere',
      'aria-label': `Resume ${name} here`,
    })
    return h(
      'li',
      {},
      h('b', {}, name),
      h('span', { class: 'about' }, describe(session)),
      h('span', { class: 'buttons' }, take),
    )
  }

  async #fetch(name: string, place: ServerPlace, control: HTMLButtonElement): Promise<void> {
    control.disabled = true
    replace(this.#status, `Fetching ${name}…`)
    try {
      await this.#take(name, place)
    } catch (error) {
      replace(this.#status, error instanceof Error ? error.message : String(error))
    } finally {
      control.disabled = false
    }
  }

  #tokenForm(isWrong: boolean): HTMLElement {
    const token = h('input', { type: 'password', 'aria-label': 'Token', autocomplete: 'off', placeholder: 'Token' })
    return h(
      'form',
      {
        class: 'token',
        onsubmit: (event) => {
          event.preventDefault()
          rememberServer({ url: location.origin, token: token.value })
          void this.refresh()
        },
      },
      h(
        'p',
        { class: 'empty' },
        isWrong ? 'That token is wrong. ' : '',
        'The server printed a token when it was started.',
      ),
      token,
      h('button', { type: 'submit' }, 'Show'),
    )
  }
}

function describe({ versions, running, runnable }: RemoteSession): string {
  const size = versions.at(-1)?.size
  const parts = [
    running === 'here'
      ? 'running'
      : running === 'elsewhere'
        ? 'running in a terminal'
        : runnable
          ? 'stopped'
          : 'has gone elsewhere',
    versions.length === 0 ? 'call log only' : plural(versions.length, 'checkpoint'),
    size === undefined ? '' : formatSize(size),
  ]
  return parts.filter((part) => part !== '').join(', ')
}
