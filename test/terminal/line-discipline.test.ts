import { describe, expect, test } from 'vitest'
import { type InputMode, LineDiscipline } from '../../runtime/terminal/line-discipline.ts'
import { characterWidth } from '../../runtime/terminal/width.ts'

function typing(mode: InputMode = 'lines') {
  const given: string[] = []
  const told: string[] = []
  let shown = ''
  const discipline = new LineDiscipline(
    {
      echo: (text) => {
        shown += text
      },
      give: (bytes) => given.push(new TextDecoder().decode(bytes)),
      end: () => told.push('end'),
      interrupt: (hadLine) => told.push(hadLine ? 'line dropped' : 'interrupt'),
      suspend: () => told.push('suspend'),
    },
    mode,
  )
  return {
    discipline,
    given,
    told,
    shown: () => shown,
    type: (...keys: string[]) => {
      for (const key of keys) discipline.feed(key)
    },
  }
}

describe('lines', () => {
  test('are shown as they are typed and given when they end', () => {
    const { given, shown, type } = typing()
    type('h', 'i')
    expect(given).toEqual([])
    type('\r')
    expect(given).toEqual(['hi\n'])
    expect(shown()).toBe('hi\r\n')
  })

  test('lose a character by Backspace, a word by Ctrl-W, all by Ctrl-U, and nothing before their beginning', () => {
    const { given, type, shown, discipline } = typing()
    type('one two  ', '\x17')
    expect(discipline.pending).toBe('one ')
    type('\x7f', '\x7f')
    expect(discipline.pending).toBe('on')
    type('\x15')
    expect(discipline.pending).toBe('')
    const before = shown()
    type('\x7f', '\x17', '\x15')
    expect(shown()).toBe(before)
    type('x\r')
    expect(given).toEqual(['x\n'])
  })

  test('take back as many columns as a character has', () => {
    const { type, shown } = typing()
    type('日', '\x7f')
    expect(shown()).toBe('日\b \b\b \b')
  })

  test('take back a character with the marks on it', () => {
    const { type, discipline, shown } = typing()
    type('e\u0301', '\x7f')
    expect(discipline.pending).toBe('')
    expect(shown()).toBe('e\u0301\b \b')
  })

  test('show controls with a caret and tabs as spaces, and give them as they are', () => {
    const { type, given, shown } = typing()
    type('a\tb', '\x16', '\x03', '\r')
    expect(shown()).toBe('a       b^C\r\n')
    expect(given).toEqual(['a\tb\x03\n'])
  })

  test('can be pasted, many at once, with any line ends', () => {
    const { type, given } = typing()
    type('one\rtwo\nthree\r\nfour')
    expect(given).toEqual(['one\n', 'two\n', 'three\n'])
    type('\r')
    expect(given.at(-1)).toBe('four\n')
  })

  test('are deaf to arrows and function keys', () => {
    const { type, given } = typing()
    type('a', '\x1b[A', '\x1b[1;5C', '\x1bOP', '\x1b[15~', 'b\r')
    expect(given).toEqual(['ab\n'])
  })

  test('can be taken off the terminal and put back while they are typed', () => {
    const { type, discipline } = typing()
    type('日a')
    expect(discipline.shown).toEqual({ erase: '\b \b'.repeat(3), echo: '日a' })
    type('\r')
    expect(discipline.shown).toEqual({ erase: '', echo: '' })
  })

  test('end the input by Ctrl-D where they are empty, and are given without an end where not', () => {
    const { type, given, told } = typing()
    type('ab', '\x04')
    expect(given).toEqual(['ab'])
    type('\x04')
    expect(told).toEqual(['end'])
  })

  test('are dropped by Ctrl-C and Ctrl-Z', () => {
    const { type, given, told, shown } = typing()
    type('abc', '\x03', '\x03', '\x1a', '\r')
    expect(told).toEqual(['line dropped', 'interrupt', 'suspend'])
    expect(given).toEqual(['\n'])
    expect(shown()).toBe('abc^C\r\n\r\n')
  })
})

test('keys are given at once and not shown', () => {
  const { type, given, told, shown } = typing('keys')
  type('w', '\x1b[A', '\r', '\x03')
  expect(given.join('')).toBe('w\x1b[A\n')
  expect(told).toEqual(['interrupt'])
  expect(shown()).toBe('')
})

test('characters take the columns that terminals give them', () => {
  const widths = (text: string) => [...text].map((character) => characterWidth(character.codePointAt(0)!))
  expect(widths('aé')).toEqual([1, 1])
  expect(widths('日本한😀（')).toEqual([2, 2, 2, 2, 2])
  expect(widths('e\u0301\u200d\ufe0f')).toEqual([1, 0, 0, 0])
  expect(widths('─│█▀')).toEqual([1, 1, 1, 1])
})
