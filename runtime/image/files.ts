/**
 * The list of files that an image carries: one deterministic CBOR map `{ format: 1, content, complete, files }`, each file
 * `{ mount, path, type, state, size, mtim, content, target }`. Contents are sections of their own, by number. What is
 * decoded is untrusted: paths are relative and stay below their mount, every content belongs to a file of its size.
 */
import { decode, encode } from 'cborg'
import { type CarriedFile, type CarriedFiles, carriedStates } from '../../wasm-shim/wasi/carried.ts'
import { fileType } from '../../wasm-shim/wasi/saved-state.ts'
import {
  flag,
  list,
  natural,
  nullable,
  one,
  path,
  record,
  type Shape,
  ShapeError,
  text,
  time,
} from '../../wasm-shim/wasi/shapes.ts'
import { damaged } from './layout.ts'

const format = 1

interface FileList {
  readonly format: number
  readonly content: CarriedFiles['content']
  readonly complete: boolean
  readonly files: readonly CarriedFile[]
}

export function encodeFiles({ content, isComplete, files }: CarriedFiles<unknown>): Uint8Array {
  return encode({
    format,
    content,
    complete: isComplete,
    files: files.map(({ mount, path, type, state, size, mtim, content, target }) => ({
      ...{ mount, path, type, state, size, mtim, content, target },
    })),
  } satisfies FileList)
}

const named: Shape<string> = (value, where) => {
  const found = path(value, where)
  if (found === '') throw new ShapeError(`${where} is empty`)
  return found
}

const shape = record<FileList>({
  format: natural(format),
  content: one(['carried', 'left out']),
  complete: flag,
  files: list(
    record<CarriedFile>({
      mount: text,
      path: named,
      type: fileType,
      state: one(carriedStates),
      size: natural(Number.MAX_SAFE_INTEGER),
      mtim: time,
      content: nullable(natural(0xffff_ffff)),
      target: nullable(text),
    }),
  ),
})

/** `offset` is where the list stands in its image. Throws STASIS_IMAGE_DAMAGED. */
export function decodeFiles(bytes: Uint8Array, contents: readonly Uint8Array[], offset: number): CarriedFiles {
  try {
    const options = {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      rejectDuplicateMapKeys: true,
    } as const
    const { content, complete, files } = shape(decode(bytes, options), 'files')
    check(files, contents, content)
    return { content, isComplete: complete, files, contents }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw damaged(`the list of files cannot be used: ${why}`, offset, cause)
  }
}

function check(files: readonly CarriedFile[], contents: readonly Uint8Array[], whole: CarriedFiles['content']): void {
  const used = new Set<number>()
  const seen = new Set<string>()
  files.forEach(({ mount, path, type, size, content, target }, index) => {
    const where = `files[${index}]`
    const name = `${mount}\0${path}`
    if (seen.has(name)) throw new ShapeError(`${where} is there twice`)
    seen.add(name)
    if ((target !== null) !== (type === 'symlink'))
      throw new ShapeError(`${where} has a target and is no symlink, or none`)
    if (content === null) return
    if (type !== 'file') throw new ShapeError(`${where} has a content and is no file`)
    if (contents[content]?.length !== size) throw new ShapeError(`${where} has a content of another size, or none`)
    used.add(content)
  })
  if (used.size !== contents.length) throw new ShapeError('there are contents that belong to no file')
  if (whole === 'left out' && contents.length > 0) throw new ShapeError('there are contents where they are left out')
}
