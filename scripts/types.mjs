// Declarations of what is shipped, into dist/types.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machineNode, root, run } from './lib/process.mjs'

const tsc = (...args) => run(machineNode(), [join(root, 'node_modules/typescript/bin/tsc'), ...args])

tsc('-p', 'tsconfig.types.json')
tsc('-b', 'tsconfig.core.json')
tsc('-p', 'tsconfig.browser-types.json')

// The compiler does not rewrite imports of another project, which the core is for the browser's folder.
const folder = join(root, 'dist/types/host-browser')
for (const name of readdirSync(folder)) {
  const path = join(folder, name)
  writeFileSync(path, readFileSync(path, 'utf8').replace(/(from '\.[^']*)\.ts'/g, "$1.js'"))
}
