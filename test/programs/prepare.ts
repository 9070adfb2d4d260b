import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ProgramCase } from './cases.ts'

export interface PreparedMount {
  readonly host: string
  readonly guest: string
}

export interface Prepared {
  readonly mounts: readonly PreparedMount[]
  /** The files below the mounts as an `Outcome` shows them. */
  files(): Record<string, string>
  /** Removes the directories. */
  dispose(): void
}

/** Makes a case's mounts as fresh directories with its files in them. */
export function prepare(each: ProgramCase): Prepared {
  const base = mkdtempSync(join(tmpdir(), 'stasis-case-'))
  const mounts = each.mounts.map((guest, index) => ({ guest, host: join(base, String(index)) }))
  for (const mount of mounts) mkdirSync(mount.host)
  for (const [path, content] of Object.entries(each.files)) {
    const mount = mounts.find(({ guest }) => path.startsWith(`${guest}/`))
    if (!mount) throw new Error(`${each.name}: ${path} is below none of its mounts.`)
    const host = join(mount.host, path.slice(mount.guest.length))
    mkdirSync(dirname(host), { recursive: true })
    writeFileSync(host, content)
  }
  return {
    mounts,
    files: () => Object.fromEntries(mounts.flatMap(({ host, guest }) => list(host, guest))),
    dispose: () => rmSync(base, { recursive: true, force: true }),
  }
}

/** Every file below a directory, as an `Outcome` shows them, under the guest's name. */
export function listTree(host: string, guest: string): Record<string, string> {
  return Object.fromEntries(list(host, guest))
}

function list(host: string, guest: string): [string, string][] {
  const entries = readdirSync(host, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry): [string, string][] => {
    const [here, there] = [join(host, entry.name), `${guest}/${entry.name}`]
    return entry.isDirectory() ? list(here, there) : [[there, shown(readFileSync(here))]]
  })
}

export function shown(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  const isText = bytes.length <= 600 && !text.includes('\0') && Buffer.from(text).equals(bytes)
  return isText ? text : `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
