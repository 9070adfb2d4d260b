import binaryen from 'binaryen'
import { wat } from '../module/support.ts'
import type { Fixture } from './fixture.ts'

const { Features } = binaryen
const features =
  Features.BulkMemory |
  Features.ExceptionHandling |
  Features.Memory64 |
  Features.MutableGlobals |
  Features.Multivalue |
  Features.ReferenceTypes |
  Features.TailCall

export function assemble(fixture: Fixture): Uint8Array {
  if (fixture.bytes) return fixture.bytes
  if (!fixture.binaryen) return wat(fixture.text, { padded: fixture.padded === true })
  const module = binaryen.parseText(fixture.text)
  try {
    module.setFeatures(features)
    return module.emitBinary()
  } finally {
    module.dispose()
  }
}
