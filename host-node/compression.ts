import * as zlib from 'node:zlib'
import { type HostCompression, provideCompression } from '../runtime/codec/compression.ts'

/** What Node 22.15 added to node:zlib, and the types of Node 20 lack. */
interface ZstdFunctions {
  readonly zstdCompressSync: (bytes: Uint8Array, options: object) => Buffer
  readonly zstdDecompressSync: (bytes: Uint8Array, options: object) => Buffer
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_d_windowLogMax: number }
}

const zstd = 'zstdCompressSync' in zlib ? (zlib as unknown as ZstdFunctions) : undefined

/**
 * The fastest level that matters: of a CPython image level 1 is a third faster than 3 and 6 % larger; those below 1 are
 * no faster on pages.
 */
const level = 1
/** 1 MiB: groups of pages and pieces are smaller, and a frame that wants more memory is refused. */
const windowLog = 20
/** Node copies what it decodes from buffers of so many bytes, 16 KiB by default; less than 64, and a limit of 0, are refused. */
const chunkSize = (limit: number): number => Math.max(64, limit)

export const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

export const nodeCompression: HostCompression & Required<Pick<HostCompression, 'inflate'>> = {
  inflate: (bytes, limit) => plain(zlib.inflateRawSync(bytes, { maxOutputLength: limit, chunkSize: chunkSize(limit) })),
  ...(zstd && {
    zstd: (bytes) =>
      plain(zstd.zstdCompressSync(bytes, { params: { [zstd.constants.ZSTD_c_compressionLevel]: level } })),
    unzstd: (bytes, limit) =>
      plain(
        zstd.zstdDecompressSync(bytes, {
          ...{ maxOutputLength: Math.max(1, limit), chunkSize: chunkSize(limit) },
          params: { [zstd.constants.ZSTD_d_windowLogMax]: windowLog },
        }),
      ),
  }),
}

provideCompression(nodeCompression)
