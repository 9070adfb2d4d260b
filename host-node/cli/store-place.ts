import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultStore } from './session-options.ts'

/** Which store is meant, without opening it. */
export interface StorePlace {
  /** For `openStore`. */
  readonly url: string
  /** The same for everybody who means the same store: the real path, or the URL where it is neither directory nor database. */
  readonly id: string
  /** '--store X' as words, where the default would not lead there. */
  readonly words: readonly string[]
}

/** From `--store`, else STASIS_STORE, else `.stasis` here. */
export function locateStore(given: string | undefined, env: NodeJS.ProcessEnv = process.env): StorePlace {
  const chosen = given ?? (env.STASIS_STORE || defaultStore)
  const directory = directoryOf(chosen)
  return {
    url: directory === undefined ? chosen : `file:${directory}`,
    id: directory === undefined ? databaseId(chosen) : realPath(directory),
    words: given === undefined || given === defaultStore ? [] : ['--store', given],
  }
}

/** 'file:///abs', 'file:rel' and plain paths are directories; any other scheme is not. */
function directoryOf(chosen: string): string | undefined {
  if (chosen.startsWith('file://')) return fileURLToPath(chosen)
  if (chosen.startsWith('file:')) return chosen.slice('file:'.length)
  return /^[a-z][a-z0-9+.-]+:/.test(chosen) ? undefined : chosen
}

/** Two paths may lead to one database. */
function databaseId(url: string): string {
  const [, scheme = '', path = ''] = /^(sqlite:)(.*)$/.exec(url) ?? []
  return path === '' ? url : scheme + realPath(path)
}

function realPath(directory: string): string {
  try {
    return realpathSync(directory)
  } catch {
    return resolve(directory)
  }
}
