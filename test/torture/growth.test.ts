import { expect, test } from 'vitest'
import { createInstrumentedEngine } from '../../runtime/engine/instrumented.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import { encodeCheckpoint } from '../../runtime/image/encode.ts'
import { prelink, prelinkVersion } from '../../wasm-shim/prelink/index.ts'
import { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { caseNamed } from '../programs/cases.ts'
import { program } from '../programs/programs.ts'
import { createTestHost } from '../support/test-host.ts'

/** Captures and restores one after the other at the same call, then goes on; sizes of the images. */
function imagesAtOneCall(times: number, fresh: boolean): { sizes: number[]; frames: number[]; output: string } {
  const each = caseNamed('lua-eh-stdin')
  const { module: original, argv0 } = program(each.program)
  const host = createTestHost({ stdin: each.stdin })
  const module = new WebAssembly.Module(prelink(original).bytes)
  let kernel = Kernel.create({ args: [argv0, ...each.args], env: [], mounts: [] }, host)
  let calls = 0
  const sizes: number[] = []
  const frames: number[] = []
  const open = () => {
    const engine = createInstrumentedEngine({
      module,
      original: () => original,
      options: {
        link: (site) => kernel.link(site.module, site.name)!,
        shouldCapture: () => {
          if (calls === 12 && sizes.length < times) return true
          calls++
          return false
        },
      },
    })
    kernel.attach(() => engine.memory())
    return engine
  }
  let engine = open()
  let outcome = engine.run({ kind: 'export', name: '_start' })
  while (outcome.kind === 'captured') {
    const image = encodeCheckpoint({
      session: { name: 'growth', id: '00000000-0000-4000-8000-000000000000' },
      cause: 'torture',
      time: 0,
      module: { sha256: '0'.repeat(64), size: original.length, name: each.program },
      prelink: { version: prelinkVersion, polls: 'default' },
      calls,
      instances: [engine.save()],
      stacks: [outcome.stack],
      kernel: kernel.save(),
    })
    sizes.push(image.length)
    frames.push(outcome.stack.frames.length)
    if (fresh) {
      const checkpoint = decodeCheckpoint(image)
      const memoryFileSystem = () => {
        throw new Error('this program has no memory file system')
      }
      kernel = Kernel.restore(checkpoint.kernel, { mounts: [], memoryFileSystem }, host)
      engine = open()
      engine.restore(checkpoint.instances[0]!)
      outcome = engine.resume(checkpoint.stacks[0]!)
    } else outcome = engine.resume(outcome.stack)
  }
  return { sizes, frames, output: host.stdoutText() }
}

const { available, reason } = program(caseNamed('lua-eh-stdin').program)
const title = `a hundred captures and restores in a row add nothing to the image${available ? '' : ` (${reason})`}`

test.skipIf(!available).each([true, false])(`${title}, fresh: %s`, (fresh) => {
  const { sizes, frames, output } = imagesAtOneCall(100, fresh)
  expect(sizes.length).toBe(100)
  expect(new Set(frames).size).toBe(1)
  expect(frames[0]).toBeGreaterThan(5)
  // The kernel's state names times that move on; their encoding may take a byte more.
  expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(32)
  expect(output).toBe(imagesAtOneCall(0, fresh).output)
})
