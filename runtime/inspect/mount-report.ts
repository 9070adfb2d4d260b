import type { CarriedFiles } from '../../wasm-shim/wasi/carried.ts'
import type { MountState } from '../../wasm-shim/wasi/state.ts'
import { type FileListing, listCarried } from '../session/files/checkpoint-files.ts'

/** One of the session's directories. */
export interface MountReport {
  readonly guest: string
  readonly kind: MountState['kind']
  /** The host's directory. */
  readonly source: string | null
  readonly readOnly: boolean
  readonly moves: 'moves' | 'moves if granted'
  readonly because: string
}

export interface FilesReport {
  /** Whether their contents are with the checkpoint. */
  readonly content: CarriedFiles['content']
  /** False where the session may have written files that are not in the list. */
  readonly complete: boolean
  /** Bytes of contents. */
  readonly size: number
  readonly files: readonly FileListing[]
}

export function reportMount(mount: MountState, files: CarriedFiles | undefined): MountReport {
  const { guest, kind, source, readOnly } = mount
  const common = { guest, kind, source, readOnly }
  switch (kind) {
    case 'memory':
      return { ...common, moves: 'moves', because: 'all of it is part of the checkpoint' }
    case 'overlay':
      return { ...common, moves: 'moves if granted', because: 'what the program changed is part of the checkpoint' }
    case 'host':
      return { ...common, moves: 'moves if granted', because: becauseOfHost(guest, files) }
  }
}

function becauseOfHost(guest: string, files: CarriedFiles | undefined): string {
  if (files === undefined || files.content === 'left out') return 'its files are not part of the checkpoint'
  const count = files.files.filter(({ mount, content }) => mount === guest && content !== null).length
  return `of its files ${count} are part of the checkpoint`
}

export function reportFiles(carried: CarriedFiles): FilesReport {
  const { content, isComplete, contents } = carried
  const size = contents.reduce((sum, { length }) => sum + length, 0)
  return { content, complete: isComplete, size, files: listCarried(carried) }
}
