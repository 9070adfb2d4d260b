import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { exportSession } from '../../runtime/transfer/export/export-session.ts'
import { start } from '../session/harness.ts'

const sha256 = async (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Saves a session of Lua to a file: it has printed "begun", waits for a line, and prints "sum 42" then. */
export async function saveSessionTo(file: string, lua: string): Promise<void> {
  const store = new MemoryStore()
  const script = 'local x = 40 print("begun") io.read() print("sum", x + 2)'
  const { session } = await start(
    {
      ...{ module: new Uint8Array(readFileSync(lua)), moduleName: 'lua.wasm', store, name: 'saved' },
      ...{ args: ['lua', '-e', script], triggers: [{ kind: 'first-stdin' }], stopAfterSnapshot: true },
    },
    { stdinOpen: true, kinds: { stdin: 'tty', stdout: 'tty', stderr: 'tty' } },
  )
  await session.done
  const parts: Uint8Array[] = []
  for await (const part of exportSession({ sha256 }, store, { name: 'saved', version: 0 })) parts.push(part)
  writeFileSync(file, Buffer.concat(parts))
}
