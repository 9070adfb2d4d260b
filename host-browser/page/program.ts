/** What is to be run, and what it is granted. */
export interface Program {
  /** For people, and the beginning of the session's name. */
  readonly title: string
  /** Bytes, or a URL. */
  readonly module: Uint8Array | string
  readonly moduleName: string
  /** With the program's own name first. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Keys go to the program at once, for games. */
  readonly keys: boolean
  /** Keep every call in the log, and not only those behind the last checkpoints. */
  readonly keepLog: boolean
  /** In its root directory, by name. What it writes there travels with it. */
  readonly files: Readonly<Record<string, Uint8Array>>
}

/** Words as in a shell: spaces part them, quotes and backslashes keep them together. Throws what is not closed. */
export function splitWords(line: string): readonly string[] {
  const words: string[] = []
  let word: string | undefined
  for (const [, single, double, escaped, space, plain] of line.matchAll(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|(\s+)|([^\s'"\\]+|['"\\])/gsu,
  )) {
    if (space !== undefined) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    if (plain === "'" || plain === '"' || plain === '\\') {
      throw new SyntaxError(plain === '\\' ? 'A backslash stands at the end.' : `A quote ${plain} is not closed.`)
    }
    word = (word ?? '') + (single ?? double?.replaceAll(/\\(.)/gsu, '$1') ?? escaped ?? plain ?? '')
  }
  return word === undefined ? words : [...words, word]
}

/** Lines of NAME=VALUE; empty ones do not count. Throws what is not one. */
export function parseEnvironment(text: string): Readonly<Record<string, string>> {
  const pairs = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const at = line.indexOf('=')
      if (at <= 0) throw new SyntaxError(`"${line}" is no NAME=VALUE.`)
      return [line.slice(0, at).trim(), line.slice(at + 1)] as const
    })
  return Object.fromEntries(pairs)
}

/** A name that no session has: `lua`, `lua-2`, ... */
export function freeName(title: string, taken: ReadonlySet<string>): string {
  const base =
    title
      .toLowerCase()
      .replace(/\.wasm$/, '')
      .replaceAll(/[^a-z0-9_.-]+/g, '-')
      .replaceAll(/^[-.]+|[-.]+$/g, '')
      .slice(0, 48) || 'program'
  let name = base
  for (let number = 2; taken.has(name); number++) name = `${base}-${number}`
  return name
}
