// One leg of a program that is captured at every k-th call: runs to its K-th capture, then stops.
//   node checkpoint-run.mjs '{"stasis", "prelink", "path", "options", "every", "image", "restore", "stop"}'
import { readFileSync, writeFileSync } from 'node:fs'

const { stasis, prelink: prelinker, path, options, every, image, restore, stop } = JSON.parse(process.argv[2])
const { WASI } = await import(stasis)
const { prelink } = await import(prelinker)
const original = new Uint8Array(readFileSync(path))
const module = new WebAssembly.Module(prelink(original).bytes)
let calls = 0
let taken = 0
const wasi = new WASI({
  version: 'preview1',
  ...options,
  checkpoints: {
    original,
    ...(restore && { restore: new Uint8Array(readFileSync(restore)) }),
    onCheckpoint: (bytes) => {
      taken++
      if (!stop) return
      writeFileSync(image, bytes)
      process.exit(75)
    },
  },
})
const imports = wasi.getImportObject(module)
// Functions that a program replaces may ask for checkpoints too.
const counted = Object.fromEntries(
  Object.entries(imports.wasi_snapshot_preview1).map(([name, call]) => [
    name,
    (...args) => {
      calls++
      if (calls % every === 0) wasi.checkpoint()
      return call(...args)
    },
  ]),
)
const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: counted })
const code = wasi.start(instance)
process.stderr.write(JSON.stringify({ code, taken, log: wasi.callLog.kind }))
process.exit(0)
