import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { StasisError } from '../wasm-shim/errors.ts'

/** The guest's thread: beside this file when bundled (or one level up, from a chunk); else what the last build made. */
export function workerFile(): URL {
  const found = ['./worker.js', '../worker.js', '../dist/worker.js']
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url))
  if (found !== undefined) return found
  throw new StasisError('STASIS_WORKER_MISSING', 'dist/worker.js is missing. Run "npm run build".')
}

/** Identifies the pre-linker's code: the worker imports what it is bundled with by names made of content hashes. */
export function buildIdentity(): string {
  return createHash('sha256').update(readFileSync(workerFile())).digest('hex')
}
