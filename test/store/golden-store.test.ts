import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { listVersions, loadCheckpoint, saveCheckpoint } from '../../runtime/store/checkpoints.ts'
import { compactSession } from '../../runtime/store/gc.ts'
import { writable } from '../support/codecs.ts'
import { goldenImages } from './golden-store.ts'

// A Node without zstd says so where it needs it, and leaves the file as it is.
test.each(['store-v1', 'store-v1-zstd'])(
  '%s, a store of this format version, lists and restores, and can be written to',
  async (name) => {
    const directory = mkdtempSync(join(tmpdir(), 'stasis-golden-'))
    try {
      cpSync(join('test/golden', name), directory, { recursive: true })
      const store = new FileStore(directory)
      const images = goldenImages()
      const isUnreadable = name.includes('zstd') && !writable.includes('zstd')
      const check = async (versions: readonly number[]) => {
        const listed = await listVersions(store, 'calc')
        expect(listed.map(({ version, content }) => [version, content.kind])).toEqual(
          versions.map((version) => [version, 'intact']),
        )
        for (const version of versions) {
          if (version === 4 && isUnreadable) {
            await expect(loadCheckpoint(store, { name: 'calc', version })).rejects.toMatchObject({
              code: 'STASIS_CODEC',
            })
            continue
          }
          const { bytes } = await loadCheckpoint(store, { name: 'calc', version })
          expect(Buffer.compare(bytes, images[(version - 1) % 5]!)).toBe(0)
          decodeCheckpoint(bytes)
        }
      }
      await check([1, 2, 4, 5])
      expect(await saveCheckpoint(store, 'calc', [images[0]!])).toBe(6)
      if (isUnreadable) await expect(compactSession(store, 'calc')).rejects.toMatchObject({ code: 'STASIS_CODEC' })
      else await compactSession(store, 'calc')
      await check([1, 2, 4, 5, 6])
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
)
