import { createRequire } from 'node:module'
import { StasisError } from '../../wasm-shim/errors.ts'

/** What is used of a SQLite library; Node's own and better-sqlite3 both have it. All of it is synchronous. */
export interface Connection {
  exec(sql: string): unknown
  prepare(sql: string): Statement
  close(): void
}

export type SqlValue = number | string | Uint8Array | null
export type SqlRow = Readonly<Record<string, SqlValue>>

export interface Statement {
  run(...values: SqlValue[]): { readonly changes: number | bigint }
  get(...values: SqlValue[]): SqlRow | undefined
  all(...values: SqlValue[]): SqlRow[]
}

type Library = new (path: string) => Connection

let library: Library | undefined

/**
 * Node's own SQLite (22.13 and newer), else the optional package better-sqlite3, which is SQLite itself with the same locks
 * (node-sqlite3-wasm locks by a directory that stays behind a killed process). Throws STASIS_PACKAGE_MISSING.
 */
export function connect(path: string): Connection {
  library ??= nodeLibrary() ?? packageLibrary()
  return new library(path)
}

function nodeLibrary(): Library | undefined {
  const { getBuiltinModule } = process as { getBuiltinModule?: (name: string) => unknown }
  return (getBuiltinModule?.('node:sqlite') as { DatabaseSync: Library } | undefined)?.DatabaseSync
}

function packageLibrary(): Library {
  try {
    return createRequire(import.meta.url)('better-sqlite3') as Library
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    throw new StasisError(
      'STASIS_PACKAGE_MISSING',
      `SQLite stores need Node 22.13 or newer, or the package better-sqlite3 (this is Node ${process.version}): "npm install better-sqlite3". Loading it said: ${reason}.`,
      { package: 'better-sqlite3' },
      { cause },
    )
  }
}

/** SQLite's result code: Node gives its number, better-sqlite3 its name. */
export type SqlFailure = 'busy' | 'corrupt' | 'not-a-database' | 'full' | 'other'

const failures: Readonly<Record<string, SqlFailure>> = {
  5: 'busy',
  11: 'corrupt',
  13: 'full',
  26: 'not-a-database',
  SQLITE_BUSY: 'busy',
  SQLITE_CORRUPT: 'corrupt',
  SQLITE_FULL: 'full',
  SQLITE_NOTADB: 'not-a-database',
}

export function failureOf(error: unknown): SqlFailure {
  const { code = '', errcode } = error as { code?: string; errcode?: number }
  // Extended codes: the low byte of the number, or what stands behind the name.
  const key = errcode === undefined ? code.split('_', 2).join('_') : String(errcode & 0xff)
  return failures[key] ?? 'other'
}
