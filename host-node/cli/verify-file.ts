import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { magic as imageMagic } from '../../runtime/image/layout.ts'
import { dataMagic } from '../../runtime/store/checkpoint-file/layout.ts'
import { StasisError } from '../../wasm-shim/errors.ts'
import { openCheckpointFile } from '../checkpoint-file-host.ts'
import { readInput } from './inputs.ts'

export interface FileReport {
  readonly kind: 'checkpoint file' | 'image'
  readonly path: string
  /** Bytes, all of which were checked. */
  readonly size: number
  /** Of a checkpoint file; of an image 1. */
  readonly versions: number
}

/** A checkpoint file or image by its first bytes; undefined where it is no file, or another one. */
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
  return start.equals(imageMagic) || /\.(ckpt|ckp)$/.test(path) ? 'image' : undefined
}

/** Checks every byte of a checkpoint file or image. Throws STASIS_CKP_DAMAGED or STASIS_IMAGE_*, with the first that is wrong. */
export function verifyFile(path: string, kind: FileReport['kind']): FileReport {
  const size = statSync(path).size
  if (kind === 'checkpoint file') return { kind, path, size, versions: verifyCheckpoints(path) }
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
