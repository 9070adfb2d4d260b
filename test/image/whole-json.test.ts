import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { imageFromJson, imageToJson } from '../../runtime/image/whole-json.ts'
import { sampleCheckpoint } from './sample.ts'

const throughText = (image: Uint8Array) => imageFromJson(JSON.parse(JSON.stringify(imageToJson(image))))

test('an image as JSON and back is the same bytes, stored or deflated, an old one too', () => {
  const sample = { ...sampleCheckpoint(), input: new TextEncoder().encode('typed ahead') }
  for (const compression of ['none', 'deflate'] as const) {
    const image = encodeCheckpoint(sample, { compression })
    expect(Buffer.compare(throughText(image), image)).toBe(0)
  }
  const golden = readFileSync('test/golden/image-v1.ckpt')
  expect(Buffer.compare(throughText(golden), golden)).toBe(0)
})

test('a value that was changed is in the image, whose checksums are right', () => {
  const json = JSON.parse(JSON.stringify(imageToJson(encodeCheckpoint(sampleCheckpoint()))))
  json.sections.find(({ kind }: { kind: string }) => kind === 'globals').words[0] = 12_345
  const again = imageToJson(imageFromJson(json))
  expect(again.sections.find(({ kind }) => kind === 'globals')!.words![0]).toBe(12_345)
})

test('what is no image is said', () => {
  for (const json of [null, 7, {}, { stasis: 'checkpoint image', format: 1, sections: [{ kind: 'memory' }] }])
    expect(() => imageFromJson(json)).toThrow(/no checkpoint image/)
})
