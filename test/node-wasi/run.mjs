// Runs one program under one WASI class, and tells in a file how it ended.
//   node run.mjs '{"implementation", "path", "options", "files": {"stdin": [PATH, FLAGS]}, "result"}'
import { openSync, readFileSync, writeFileSync } from 'node:fs'

const { implementation, path, options, files = {}, log, replay, result } = JSON.parse(process.argv[2])
const { WASI, fileLog, readFileLog } = await import(implementation)
const module = await WebAssembly.compile(readFileSync(path))
const old = WebAssembly.Module.imports(module).some((each) => each.module === 'wasi_unstable')
const descriptors = Object.entries(files).map(([name, [file, flags]]) => [name, openSync(file, flags)])
const tell = (outcome) => writeFileSync(result, JSON.stringify(outcome))

process.on('exit', (code) => tell({ exitEvent: code }))
const wasi = new WASI({
  version: old ? 'unstable' : 'preview1',
  ...options,
  ...Object.fromEntries(descriptors),
  ...(log && { log: fileLog(log) }),
  ...(replay && { replay: readFileLog(replay) }),
})
const instance = await WebAssembly.instantiate(module, wasi.getImportObject())
let outcome
try {
  outcome = { returned: wasi.start(instance) }
} catch (thrown) {
  outcome =
    typeof thrown === 'object'
      ? { type: thrown.name, code: thrown.code, message: thrown.message }
      : { thrown: String(thrown) }
}
process.removeAllListeners('exit')
const { kind, calls, complete } = wasi.callLog ?? {}
tell({ ...outcome, ...(replay && { kind, calls, complete }) })
if (log) console.error(JSON.stringify(wasi.callLog))
