// Runs one program under node:wasi, the plain run that checkpointed runs are compared with.
//   node node-wasi.mjs '{"path", "args", "env", "preopens"}'
import { readFileSync } from 'node:fs'
import { WASI } from 'node:wasi'

const { path, args, env, preopens } = JSON.parse(process.argv[2])
const module = await WebAssembly.compile(readFileSync(path))
const old = WebAssembly.Module.imports(module).some((each) => each.module === 'wasi_unstable')
const wasi = new WASI({ version: old ? 'unstable' : 'preview1', args, env, preopens, returnOnExit: true })
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()))
