import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { checkpointToJson } from '../../runtime/image/json.ts'
import { sampleCheckpoint } from './sample.ts'

// The file was written by the first release of format version 1 and is never written again.
const golden = new Uint8Array(readFileSync(new URL('../golden/image-v1.ckpt', import.meta.url)))

test('an image written by the first release still restores', () => {
  expect(checkpointToJson(decodeCheckpoint(golden))).toEqual(checkpointToJson(sampleCheckpoint()))
})

test('format version 1 has not changed', () => {
  expect(encodeCheckpoint(sampleCheckpoint())).toEqual(golden)
})
