// What a user of node:wasi would run: `node node-wasi.mjs app.wasm GUEST=HOST... -- arguments`.
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

const [path, ...rest] = process.argv.slice(2)
const end = rest.indexOf('--')
const preopens = Object.fromEntries(rest.slice(0, end).map((grant) => grant.split('=')))
const wasi = new WASI({ version: 'preview1', args: rest.slice(end + 1), preopens, env: {} })
const module = await WebAssembly.compile(readFileSync(path))
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()))
