// Our own C programs, plain wasm (clang-14).
import { join } from 'node:path'
import { root } from '../lib/process.mjs'
import { cc14 } from '../lib/wasi-cc.mjs'

const own = (name, file) => ({ name, inputs: [file], build: (out) => cc14(out, [file, '-lm']) })
const inTests = (name) => own(name, join(root, `test/programs/src/${name}.c`))

export const recipes = [
  ...['matrix', 'sieve', 'hash', 'nbody', 'files', 'effects', 'echo-lines'].map(inTests),
  own('simulation', join(root, 'examples/c-simulation/simulation.c')),
]
