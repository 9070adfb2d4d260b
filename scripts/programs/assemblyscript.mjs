// AssemblyScript programs with its WASI library; needs npm alone.
import { join, relative } from 'node:path'
import { machineNode, root, run } from '../lib/process.mjs'

const program = (name, file, flags = [], library = []) => ({
  name,
  inputs: [file, ...library],
  build: (out) => {
    // asc takes every path as relative to the folder it runs in.
    const shim = 'node_modules/@assemblyscript/wasi-shim/asconfig.json'
    const files = [relative(root, file), '--outFile', relative(root, out)]
    run(machineNode(), [
      join(root, 'node_modules/assemblyscript/bin/asc.js'),
      ...files,
      '--config',
      shim,
      '-O3',
      ...flags,
    ])
  },
})

const checkpoints = join(root, 'wasm-shim/guest/assembly')
const source = (name) => join(root, `test/programs/src/${name}.as.ts`)
const withCheckpoints = (name, from, flags) => program(name, source(from), flags, [checkpoints])

const life = join(root, 'examples/assemblyscript/life.as.ts')

export const recipes = [
  program('as-life', life),
  program('2048', join(root, 'examples/2048/2048.as.ts')),
  // Reference-counting variations change which globals and memory operations the module has.
  program('as-life-minimal', life, ['--runtime', 'minimal', '--debug']),
  withCheckpoints('as-ckp-steps', 'ckp-steps'),
  withCheckpoints('as-ckp-check', 'ckp-check'),
  withCheckpoints('as-upgrade-2', 'upgrade-2', ['--use', 'CKP_STASIS=1']),
  withCheckpoints('as-ckp-check-stasis', 'ckp-check', ['--use', 'CKP_STASIS=1']),
]
