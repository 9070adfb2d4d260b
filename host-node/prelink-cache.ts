import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { exceptionEncoding } from '../runtime/engine/exception-encoding.ts'
import { checksum } from '../runtime/image/checksum.ts'
import { equal } from '../runtime/image/head.ts'
import { type PollMode, prelink, prelinkVersion } from '../wasm-shim/prelink/index.ts'

/**
 * Pre-linked modules on disk, one file each: `<hash of module, options and pre-linker>.wasm`, being the module and its
 * XXH64 (8 bytes). A cache: whatever goes wrong with it is passed over, and what is damaged is written anew.
 */
const checksumSize = 8
/** CPython's entry has 34 MB: a gigabyte at most. */
const keptEntries = 32

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
  const identity = [module.sha256, polls, options.exceptions, prelinkVersion, build].join(' ')
  const key = createHash('sha256').update(identity).digest('hex')
  const file = join(directory, `${key}.wasm`)
  const found = readEntry(file)
  if (found !== undefined) return found
  const { bytes } = prelink(module.bytes, options)
  writeEntry(directory, file, bytes)
  return bytes
}

function readEntry(file: string): Uint8Array | undefined {
  try {
    const content = readFileSync(file)
    const end = content.length - checksumSize
    const bytes = new Uint8Array(content.buffer, content.byteOffset, Math.max(end, 0))
    if (!equal(checksum(bytes), new Uint8Array(content.subarray(end)))) return undefined
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
  const entries = names.filter((name) => /^[0-9a-f]{64}\.wasm$/.test(name)).sort((a, b) => age(b) - age(a))
  const anHourAgo = Date.now() - 3_600_000
  const abandoned = names.filter((name) => name.startsWith('.tmp-') && age(name) < anHourAgo)
  for (const name of [...entries.slice(keptEntries), ...abandoned]) rmSync(join(directory, name), { force: true })
}
