// Our own C programs, plain wasm (clang-14).
import { join } from 'node:path'
import { root } from '../lib/process.mjs'
import { cc14 } from '../lib/wasi-cc.mjs'

const own = (name, file) => ({ name, inputs: [file], build: (out) => cc14(out, [file, '-lm']) })
const inTests = (name) => own(name, join(root, `test/programs/src/${name}.c`))

const library = join(root, 'wasm-shim/guest/c')

/** With the library for checkpoint files. */
const withCheckpoints = (name) => {
  const source = join(root, `test/programs/src/${name}.c`)
  const files = [source, join(library, 'ckp_util.c')]
  return { name, inputs: [source, library], build: (out) => cc14(out, files, [`-I${library}`]) }
}

export const recipes = [
  ...['matrix', 'sieve', 'hash', 'nbody', 'files', 'effects', 'echo-lines'].map(inTests),
  ...['ckp-steps', 'ckp-check'].map(withCheckpoints),
  own('simulation', join(root, 'examples/c-simulation/simulation.c')),
  own('ripples', join(root, 'examples/ripples/ripples.c')),
]
