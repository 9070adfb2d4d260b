import { printable } from '../format.ts'

/** Text that is HTML already. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Content = string | number | Html | readonly Content[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
/** Characters that turn the direction of what follows, so that a text can look like another one. */
const directions = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text as HTML, for elements and for attributes in quotes. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replaceAll(directions, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => entities[character]!)
}

/** A template whose values are escaped, but for those made by it: what a program said cannot become markup. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.map((part, i) => part + (i < values.length ? asHtml(values[i]!) : '')).join(''))
}

function asHtml(content: Content): string {
  if (content instanceof Html) return content.text
  if (typeof content === 'string') return escapeHtml(content)
  return typeof content === 'number' ? String(content) : content.map(asHtml).join('')
}

export const nothing: Html = new Html('')
