// Lua 5.4 from Debian's source. `lua` has no exceptions at all: an error ends it, and coroutines cannot yield.
// `lua-eh` and `lua-exnref` have setjmp by wasm exceptions, so errors and coroutines work.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { debianSource } from '../lib/apt.mjs'
import { root } from '../lib/process.mjs'
import { cc14, cc22 } from '../lib/wasi-cc.mjs'

const support = join(root, 'test/programs/src/lua')

const sources = () => {
  const folder = join(debianSource('lua5.4'), 'src')
  const files = readdirSync(folder).filter((name) => name.endsWith('.c') && name !== 'luac.c')
  return [...files.sort().map((name) => join(folder, name)), join(support, 'missing.c')]
}

// wasi-libc has neither L_tmpnam nor Debian's header with the name of the multiarch folder.
const flags = [`-I${support}`, '-DL_tmpnam=20']
const inputs = [support]

export const recipes = [
  {
    name: 'lua',
    inputs,
    build: (out) => cc14(out, sources(), [...flags, `-I${join(support, 'no-setjmp')}`, '-include', 'no-throw.h']),
  },
  { name: 'lua-eh', inputs, build: (out) => cc22(out, sources(), { encoding: 'legacy', flags }) },
  { name: 'lua-exnref', inputs, build: (out) => cc22(out, sources(), { encoding: 'exnref', flags }) },
]
