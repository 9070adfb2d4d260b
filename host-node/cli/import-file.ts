import { createReadStream } from 'node:fs'
import type { Store } from '../../runtime/store/store.ts'
import { Session } from '../sessions.ts'
import { checkFile } from './inputs.ts'

/** Makes a session of a `.stasis` file, `-` for stdin, and returns its name. */
export async function importFile(store: Store, file: string, name: string | undefined): Promise<string> {
  if (file !== '-') checkFile(file, 'the exported session')
  const source = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 })
  return Session.import(store, source, name === undefined ? {} : { name })
}

/** `NAME`, `NAME@3` or the path of an exported session? */
export const isExportFile = (operand: string): boolean => operand === '-' || operand.endsWith('.stasis')
