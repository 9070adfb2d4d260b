import type { PageCodec } from '../../runtime/codec/compression.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { keepCheckpoint, removeVersions } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { sampleCheckpoint, tinyCheckpoint } from '../image/sample.ts'

/**
 * Images of the golden store's session, by version: 1 lies by itself as older builds left it, 2 to 5 are in the checkpoint
 * file, 3 of them removed and 4 compressed.
 */
export function goldenImages(): readonly Uint8Array[] {
  const sample = { ...sampleCheckpoint(), input: new TextEncoder().encode('typed ahead') }
  return [1, 2, 3, 4, 5].map((version) => {
    if (version === 5) return encodeCheckpoint({ ...tinyCheckpoint(), label: 'version 5' })
    const memory = sample.instances[0]!.memories[0]!.bytes.slice()
    memory.fill(version, 8192, 8192 + version * 3000)
    const [state, other] = sample.instances
    const instances = [{ ...state!, memories: [{ bytes: memory }, state!.memories[1]!] }, other!]
    return encodeCheckpoint({ ...sample, label: `version ${version}`, instances })
  })
}

/** Writes the golden store. To be called for a new format version only, into a folder of its own. */
export async function writeGoldenStore(store: Store, codec: PageCodec = 'deflate'): Promise<void> {
  const images = goldenImages()
  await store.put('sessions/calc/1.ckpt', [images[0]!])
  for (const version of [2, 3, 4, 5]) {
    await keepCheckpoint(store, 'calc', [images[version - 1]!], { codec: version === 4 ? codec : 'stored' })
  }
  await removeVersions(store, 'calc', ({ version }) => version === 3)
}
