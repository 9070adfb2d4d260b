// Debian's clang for wasm32-wasi.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { backports, installPackages } from './apt.mjs'
import { run } from './process.mjs'

const emulation = {
  flags: ['-D_WASI_EMULATED_SIGNAL', '-D_WASI_EMULATED_PROCESS_CLOCKS', '-D_WASI_EMULATED_GETPID'],
  libraries: ['-lwasi-emulated-signal', '-lwasi-emulated-process-clocks', '-lwasi-emulated-getpid'],
}

const common = ['--target=wasm32-wasi', '-O2', '-w', '-Wl,-z,stack-size=1048576', ...emulation.flags]

/** With clang-14, an object file that several programs share. */
export const compile14 = (out, source, flags = []) => {
  installPackages(['clang-14', 'libclang-rt-14-dev-wasm32', 'wasi-libc'])
  run('clang-14', [...common, ...flags, '-c', source, '-o', out])
}

/** clang-14 with Debian's wasi-libc: the plain instruction set, no setjmp, no exceptions. */
export const cc14 = (out, sources, flags = []) => {
  installPackages(['clang-14', 'lld-14', 'libclang-rt-14-dev-wasm32', 'wasi-libc'])
  mkdirSync(dirname(out), { recursive: true })
  run('clang-14', [...common, ...flags, ...sources, ...emulation.libraries, '-o', out])
}

/**
 * clang-22 with the newer wasi-libc of backports: setjmp and C++ throws become wasm exceptions.
 * `encoding` is 'legacy' (try/catch/rethrow) or 'exnref' (try_table/throw_ref).
 */
export const cc22 = (out, sources, { encoding, cxx = false, flags = [] }) => {
  installPackages(['clang-22', 'lld-22', 'libclang-rt-22-dev-wasm32'])
  const exceptions = ['-mllvm', `-wasm-use-legacy-eh=${encoding === 'legacy'}`, '-mllvm', '-wasm-enable-sjlj']
  mkdirSync(dirname(out), { recursive: true })
  run(cxx ? 'clang++-22' : 'clang-22', [
    `--sysroot=${backports('wasi-libc')}`,
    ...common,
    ...exceptions,
    ...flags,
    ...sources,
    ...emulation.libraries,
    '-lsetjmp',
    '-o',
    out,
  ])
}
