// Guests that throw by wasm exceptions, in both encodings.
import { join } from 'node:path'
import { root } from '../lib/process.mjs'
import { cc22 } from '../lib/wasi-cc.mjs'

const sources = join(root, 'test/programs/src')
const throwing = [join(sources, 'cxx/throwing.cpp'), join(sources, 'cxx/runtime.cpp')]
const cxxFlags = ['-fwasm-exceptions', '-std=c++17', '-nostdlib++']
const jumping = [join(sources, 'longjmp.c')]

const both = (name, inputs, settings) =>
  ['legacy', 'exnref'].map((encoding) => ({
    name: encoding === 'legacy' ? name : `${name}-exnref`,
    inputs,
    build: (out) => cc22(out, inputs, { encoding, ...settings }),
  }))

export const recipes = [...both('cpp-eh', throwing, { cxx: true, flags: cxxFlags }), ...both('longjmp', jumping, {})]
