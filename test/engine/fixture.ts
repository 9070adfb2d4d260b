/** A small module for one feature, and what to call in it. */
export interface Fixture {
  readonly name: string
  readonly text: string
  /** In place of the text. */
  readonly bytes?: Uint8Array
  /** Exports to call, in order, with arguments. Default: `run` without any. */
  readonly calls?: readonly (readonly [name: string, ...args: unknown[]])[]
  /** What the module imports beside functions with the default behaviour; asked once a run. */
  readonly host?: () => FixtureHost
  /** Code of the refusal that some capture meets; the others are not refused. */
  readonly refused?: string
  /** Written with names, padded numbers, ... */
  readonly padded?: true
  /** Assembled by Binaryen, for what wabt cannot write. */
  readonly binaryen?: true
  /** Nothing can be captured: at all, or without polls. */
  readonly silent?: 'always' | 'without polls'
}

export interface FixtureHost {
  /** By `module.name`; others log their arguments and return numbers that count up. */
  readonly functions?: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>
  /** Memories, tables, globals and tags by `module.name`, made for one instance. */
  readonly externs?: () => Readonly<Record<string, unknown>>
}
