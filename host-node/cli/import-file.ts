import { createReadStream } from 'node:fs'
import type { Store } from '../../runtime/store/store.ts'
import { Session } from '../sessions.ts'
import { checkFile } from './inputs.ts'

/** Makes a session of a `.stasis` file, `-` for stdin, and returns its name. */
export async function importFile(store: Store, file: string, name: string | undefined): Promise<string> {
  const source = file === '-' ? process.stdin : exportedFile(file)
  return Session.import(store, source, name === undefined ? {} : { name })
}

/** Its bytes, in pieces. Throws STASIS_FILE. */
export function exportedFile(file: string): AsyncIterable<Uint8Array> {
  checkFile(file, 'the exported session')
  return createReadStream(file, { highWaterMark: 1 << 20 })
}

/** `NAME`, `NAME@3` or the path of an exported session? */
export const isExportFile = (operand: string): boolean => operand === '-' || operand.endsWith('.stasis')
