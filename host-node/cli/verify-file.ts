import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { magic as imageMagic } from '../../runtime/image/layout.ts'
import { dataMagic } from '../../runtime/store/checkpoint-file/layout.ts'
import { verifyExport } from '../../runtime/transfer/export/check-export.ts'
import { exportMagic } from '../../runtime/transfer/export/layout.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { openCheckpointFile } from '../checkpoint-file-host.ts'
import { exportHost } from '../sessions.ts'
import { exportedFile } from './import-file.ts'
import { readInput } from './inputs.ts'

export interface FileReport {
  readonly kind: 'checkpoint file' | 'image' | 'exported session'
  readonly path: string
  /** Bytes, all of which were checked. */
  readonly size: number
  /** Of a checkpoint file; of the others 1. */
  readonly versions: number
  /** Of an exported session: its name. */
  readonly session?: string
}

/** What a file is by its first bytes; undefined where it is no file, or another one. */
export function kindOfFile(path: string): FileReport['kind'] | undefined {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return undefined
  const start = Buffer.alloc(8)
  const fd = openSync(path, 'r')
  try {
    readSync(fd, start, 0, start.length, 0)
  } finally {
    closeSync(fd)
  }
  if (start.equals(dataMagic)) return 'checkpoint file'
  if (start.equals(exportMagic) || path.endsWith('.stasis')) return 'exported session'
  return start.equals(imageMagic) || /\.(ckpt|ckp)$/.test(path) ? 'image' : undefined
}

/** Checks every byte. Throws STASIS_CKP_DAMAGED, STASIS_IMAGE_*, STASIS_EXPORT_*, with the first that is wrong. */
export async function verifyFile(path: string, kind: FileReport['kind']): Promise<FileReport> {
  const size = statSync(path).size
  if (kind === 'checkpoint file') return { kind, path, size, versions: verifyCheckpoints(path) }
  if (kind === 'exported session') {
    return { kind, path, size, versions: 1, session: await verifyExport(exportHost, exportedFile(path)) }
  }
  const bytes = readInput(path, 'the file')
  if (path.endsWith('.ckp')) {
    throw new StasisError('STASIS_CKP_FOREIGN', `${path} does not begin as a checkpoint file does.`, { path })
  }
  decodeCheckpoint(bytes)
  return { kind, path, size, versions: 1 }
}

function verifyCheckpoints(path: string): number {
  const file = openCheckpointFile(path, { readOnly: true })
  try {
    file.verify()
    return file.versions().length
  } finally {
    file.close()
  }
}
