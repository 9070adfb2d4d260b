// Our own C programs, plain wasm (clang-14).
import { join } from 'node:path'
import { root } from '../lib/process.mjs'
import { cc14 } from '../lib/wasi-cc.mjs'

const own = (name, file) => ({ name, inputs: [file], build: (out) => cc14(out, [file, '-lm']) })
const inTests = (name) => own(name, join(root, `test/programs/src/${name}.c`))

const library = join(root, 'wasm-shim/guest/c')

/** With the library for checkpoint files. */
const withCheckpoints = (name, flags = [], from = name) => {
  const source = join(root, `test/programs/src/${from}.c`)
  const files = [source, join(library, 'ckp_util.c')]
  return { name, inputs: [source, library], build: (out) => cc14(out, files, [`-I${library}`, ...flags]) }
}

export const recipes = [
  ...['matrix', 'sieve', 'hash', 'nbody', 'files', 'effects', 'echo-lines'].map(inTests),
  ...['ckp-steps', 'ckp-check', 'stasis-self'].map((name) => withCheckpoints(name)),
  // The same, for Stasis alone.
  withCheckpoints('ckp-steps-stasis', ['-DCKP_STASIS'], 'ckp-steps'),
  withCheckpoints('stasis-self-stasis', ['-DCKP_STASIS'], 'stasis-self'),
  withCheckpoints('stasis-ledger', ['-DCKP_STASIS']),
  withCheckpoints('upgrade-1', ['-DCKP_STASIS']),
  withCheckpoints('upgrade-1-changed', ['-DCKP_STASIS', '-DSTEP=100'], 'upgrade-1'),
  withCheckpoints('upgrade-2', ['-DCKP_STASIS']),
  withCheckpoints('upgrade-2-without', ['-DCKP_STASIS', '-DWITHOUT_MIGRATION'], 'upgrade-2'),
  own('simulation', join(root, 'examples/c-simulation/simulation.c')),
  own('ripples', join(root, 'examples/ripples/ripples.c')),
]
