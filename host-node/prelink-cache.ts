import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ContinuationStore } from '../runtime/engine/continuation-linker.ts'
import { exceptionEncoding } from '../runtime/engine/exception-encoding.ts'
import { checksum } from '../runtime/image/checksum.ts'
import { sameBytes } from '../wasm-shim/bytes/arrays.ts'
import { type PollMode, prelink, prelinkVersion } from '../wasm-shim/prelink/index.ts'

/**
 * Pre-linked modules on disk, one file each: `<hash of module, options and pre-linker>.wasm`, being the module and its
 * XXH64 (8 bytes); and likewise the continuations of restored stacks, `<hash, of the call sites too>.resume`. A cache: whatever goes wrong with it is passed over, and what is damaged is written anew.
 */
const checksumSize = 8
/** CPython's module has 34 MB and a stack's continuations 20 to 350 KB: a gigabyte at most. */
const keptEntries = { wasm: 32, resume: 128 } as const
type EntryKind = keyof typeof keptEntries

/** `$XDG_CACHE_HOME/stasis`, else `~/.cache/stasis`. */
export function defaultCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stasis')
}

export interface CachedModule {
  readonly bytes: Uint8Array
  readonly sha256: string
}

/**
 * The module, pre-linked for this host. `build` identifies the pre-linker's code, since its version only tells when sites change.
 * Without a directory nothing is kept.
 */
export function prelinkCached(
  module: CachedModule,
  polls: PollMode,
  build: string,
  directory: string | undefined,
): Uint8Array {
  const options = { polls, exceptions: exceptionEncoding() }
  if (directory === undefined) return prelink(module.bytes, options).bytes
  const file = join(directory, entryName(identityOf(module, polls, build), 'wasm'))
  const found = readEntry(file)
  if (found !== undefined) return found
  const { bytes } = prelink(module.bytes, options)
  writeEntry(directory, file, bytes)
  return bytes
}

/** For engines of the module that `prelinkCached` gives for the same arguments. */
export function continuationsCached(
  module: CachedModule,
  polls: PollMode,
  build: string,
  directory: string | undefined,
): ContinuationStore | undefined {
  if (directory === undefined) return undefined
  const identity = identityOf(module, polls, build)
  const fileOf = (key: string) => join(directory, entryName(`${identity} ${key}`, 'resume'))
  return {
    read: (key) => readEntry(fileOf(key)),
    write: (key, bytes) => writeEntry(directory, fileOf(key), bytes),
  }
}

const identityOf = (module: CachedModule, polls: PollMode, build: string): string =>
  [module.sha256, polls, exceptionEncoding(), prelinkVersion, build].join(' ')

const entryName = (identity: string, kind: EntryKind): string =>
  `${createHash('sha256').update(identity).digest('hex')}.${kind}`

function readEntry(file: string): Uint8Array | undefined {
  try {
    const content = readFileSync(file)
    const end = content.length - checksumSize
    const bytes = new Uint8Array(content.buffer, content.byteOffset, Math.max(end, 0))
    if (!sameBytes(checksum(bytes), new Uint8Array(content.subarray(end)))) return undefined
    // Tells the pruning which entries are in use.
    const now = new Date()
    utimesSync(file, now, now)
    return bytes
  } catch {
    return undefined
  }
}

function writeEntry(directory: string, file: string, bytes: Uint8Array): void {
  const temporary = join(directory, `.tmp-${process.pid}-${randomUUID()}`)
  try {
    mkdirSync(directory, { recursive: true })
    writeFileSync(temporary, bytes)
    writeFileSync(temporary, checksum(bytes), { flag: 'a' })
    renameSync(temporary, file)
    prune(directory)
  } catch {
    removeQuietly(temporary)
  }
}

function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // Where nothing can be written, nothing is left.
  }
}

/** Removes the entries that were not used for the longest time, and what dead writers left. */
function prune(directory: string): void {
  const age = (name: string): number => statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const names = readdirSync(directory)
  const unused = (Object.keys(keptEntries) as EntryKind[]).flatMap((kind) =>
    names
      .filter((name) => /^[0-9a-f]{64}\.\w+$/.test(name) && name.endsWith(`.${kind}`))
      .sort((a, b) => age(b) - age(a))
      .slice(keptEntries[kind]),
  )
  const anHourAgo = Date.now() - 3_600_000
  const abandoned = names.filter((name) => name.startsWith('.tmp-') && age(name) < anHourAgo)
  for (const name of [...unused, ...abandoned]) rmSync(join(directory, name), { force: true })
}
