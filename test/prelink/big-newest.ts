// Pre-links the big programs with exnref and prints what V8 makes of them. Run by output.test.ts on the newest Node.
import { readFileSync } from 'node:fs'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { bigModules } from './big-modules.ts'

const results: Record<string, string> = {}
for (const [name, path] of Object.entries(bigModules)) {
  const { bytes } = prelink(new Uint8Array(readFileSync(path)), { exceptions: 'exnref' })
  results[name] = WebAssembly.validate(bytes) ? 'valid' : 'invalid'
}
process.stdout.write(JSON.stringify(results))
