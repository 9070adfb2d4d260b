import { formatSize } from '../../../runtime/inspect/format.ts'
import { button, h, replace } from '../dom.ts'
import { messageOf } from '../notice.ts'
import { type Program, parseEnvironment, splitWords } from '../program.ts'

/** A module of the reader's own, with what it is given. */
export class LaunchForm {
  readonly element: HTMLFormElement
  readonly #start: (program: Program) => void
  readonly #chosen = h('span', {}, 'Choose a .wasm program or a .stasis session, or drop it anywhere on this page.')
  readonly #file = h('input', { type: 'file', accept: '.wasm,.stasis,.ckpt', hidden: true })
  readonly #args = h('input', {
    class: 'mono',
    placeholder: '--verbose input.csv',
    spellcheck: 'false',
    autocapitalize: 'off',
  })
  readonly #env = h('textarea', { class: 'mono', rows: 1, placeholder: 'TZ=UTC', spellcheck: 'false' })
  readonly #keys = h('input', { type: 'checkbox' })
  readonly #keepLog = h('input', { type: 'checkbox' })
  readonly #more = h('input', { type: 'file', multiple: true, hidden: true })
  readonly #list = h('ul', { class: 'files' })
  readonly #files = new Map<string, Uint8Array>()
  readonly #error = h('p', { class: 'soft', role: 'status', style: 'margin:0' })
  readonly #submit = h('button', { type: 'submit', class: 'primary', disabled: true }, 'Run')
  #module: { readonly name: string; readonly bytes: Uint8Array } | undefined

  constructor(start: (program: Program) => void, take: (files: readonly File[]) => void) {
    this.#start = start
    this.#file.addEventListener('change', () => take([...(this.#file.files ?? [])]))
    this.#more.addEventListener('change', () => void this.addFiles([...(this.#more.files ?? [])]))
    this.element = h(
      'form',
      { class: 'own', onsubmit: (event) => this.#run(event) },
      h(
        'div',
        { class: 'choose' },
        button('Choose a file', () => this.#file.click()),
        this.#chosen,
        this.#file,
      ),
      h(
        'div',
        { class: 'grid' },
        h('label', { class: 'field' }, 'Arguments', this.#args),
        h('label', { class: 'field' }, 'Environment, one NAME=VALUE a line', this.#env),
      ),
      h(
        'div',
        { class: 'choose' },
        button('Add files', () => this.#more.click()),
        this.#more,
        this.#list,
        h('span', {}, 'The program finds them in its root directory.'),
      ),
      h(
        'div',
        { class: 'end' },
        h('label', { class: 'check' }, this.#keys, 'Give each key at once, for games'),
        h('label', { class: 'check' }, this.#keepLog, 'Keep the whole call log'),
        this.#error,
        this.#submit,
      ),
    )
  }

  /** Lets the reader choose a file. */
  pick(): void {
    this.#file.click()
  }

  /** A program that was chosen or dropped: what it is given can be changed before it runs. */
  choose(name: string, bytes: Uint8Array): void {
    this.#module = { name, bytes }
    replace(this.#chosen, h('b', {}, name), `, ${formatSize(bytes.length)}`)
    this.#submit.disabled = false
    this.element.scrollIntoView({ block: 'center', behavior: 'smooth' })
    this.#args.focus()
  }

  /** Files that the program is given. */
  async addFiles(files: readonly File[]): Promise<void> {
    for (const file of files) this.#files.set(file.name, new Uint8Array(await file.arrayBuffer()))
    const items = [...this.#files].map(([name, bytes]) =>
      h('li', {}, `${name}, ${formatSize(bytes.length)} `, this.#removal(name)),
    )
    replace(this.#list, items)
  }

  #removal(name: string): HTMLElement {
    const remove = () => {
      this.#files.delete(name)
      void this.addFiles([])
    }
    return button('remove', remove, { class: 'link', 'aria-label': `Remove ${name}` })
  }

  #run(event: Event): void {
    event.preventDefault()
    if (this.#module === undefined) return
    const { name, bytes } = this.#module
    try {
      this.#start({
        ...{ title: name, module: bytes, moduleName: name, files: Object.fromEntries(this.#files) },
        args: [name, ...splitWords(this.#args.value)],
        env: parseEnvironment(this.#env.value),
        keys: this.#keys.checked,
        keepLog: this.#keepLog.checked,
      })
    } catch (error) {
      replace(this.#error, messageOf(error))
    }
  }
}
