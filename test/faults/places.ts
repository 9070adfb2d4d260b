import { createHash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FaultProgram, scriptOf } from './programs.ts'

/** A directory with a store and the program's /data. */
export interface Place {
  readonly directory: string
  readonly data: string
  /** Every file, directory and symlink below the data, with a digest of what is in it. */
  files(): Readonly<Record<string, string>>
  /** Files of the store. */
  stored(): readonly string[]
  remove(): void
}

export function makePlace(each: FaultProgram): Place {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-faults-'))
  const data = join(directory, 'data')
  mkdirSync(data)
  for (const name of each.scripts) writeFileSync(join(data, name), scriptOf(name))
  return {
    directory,
    data,
    files: () => Object.fromEntries(list(data, '')),
    stored: () => {
      try {
        return readdirSync(join(directory, '.stasis'), { recursive: true }).map(String)
      } catch {
        return []
      }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function list(directory: string, prefix: string): [string, string][] {
  return readdirSync(directory)
    .sort()
    .flatMap((name): [string, string][] => {
      const path = join(directory, name)
      const stat = lstatSync(path)
      const shown = prefix + name
      if (stat.isDirectory()) return [[shown, 'directory'], ...list(path, `${shown}/`)]
      if (stat.isSymbolicLink()) return [[shown, `-> ${readlinkSync(path)}`]]
      return [[shown, `${stat.size} ${createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)}`]]
    })
}

/** The first difference, in words. */
export function differs(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string | undefined {
  const name = [...new Set([...Object.keys(a), ...Object.keys(b)])].find((one) => a[one] !== b[one])
  return name === undefined ? undefined : `${name} is ${b[name] ?? 'missing'} and should be ${a[name] ?? 'missing'}`
}
