// One program from rustc (Debian's) and one from Go (backports): other compilers, other shapes of code.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { backports, installPackages } from '../lib/apt.mjs'
import { environment, root, run } from '../lib/process.mjs'

const rust = join(root, 'test/programs/src/inventory.rs')
const go = join(root, 'test/programs/src/go')

export const recipes = [
  {
    name: 'rust',
    inputs: [rust],
    build: (out) => {
      installPackages(['rustc', 'libstd-rust-dev-wasm32', 'lld-14'])
      const linker = ['-C', 'linker=wasm-ld-14', '-C', 'strip=debuginfo']
      // By its path: a rustup in PATH would have no standard library for this target.
      run('/usr/bin/rustc', ['--edition=2021', '--target=wasm32-wasi', '-O', ...linker, rust, '-o', out])
    },
  },
  {
    name: 'go',
    inputs: [go],
    build: (out) => {
      const home = join(backports('golang-1.23-go', 'golang-1.23-src'), 'lib/go-1.23')
      const cache = join(root, '.cache/go')
      mkdirSync(cache, { recursive: true })
      const env = {
        ...environment(),
        GOROOT: home,
        GOOS: 'wasip1',
        GOARCH: 'wasm',
        GOCACHE: cache,
        GOTOOLCHAIN: 'local',
      }
      run(join(home, 'bin/go'), ['build', '-o', out, 'main.go'], {
        cwd: go,
        env: { ...env, GOPATH: cache, GO111MODULE: 'off' },
      })
    },
  },
]
