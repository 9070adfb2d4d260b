import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { Ranges } from '../../wasm-shim/wasi/host-writes.ts'

const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
const { i32 } = ValType

/**
 * Puts a session `large` with a log of so many megabytes into a directory store: nine calls without payload, one of
 * which fails, to each that reads `page` bytes. Returns the number of its calls.
 */
export function writeLargeSession(directory: string, megabytes: number, page = 4096): number {
  const folder = join(directory, 'sessions', 'large')
  mkdirSync(folder, { recursive: true })
  const file = openSync(join(folder, `0-${id.slice(0, 8)}.log`), 'w')
  const writer = new LogWriter({ session: id, sink: (block) => writeSync(file, block), chunks: new MemoryChunkStore() })
  const shape = { module: 'wasi_snapshot_preview1', results: [i32], input: false }
  const tell = writer.define({ ...shape, name: 'fd_tell', params: [i32, i32], resultWords: 2, output: false })
  const read = writer.define({ ...shape, name: 'fd_read', params: [i32, i32, i32, i32], resultWords: 1, output: true })
  const told = new Int32Array(writer.planOf(tell).slots)
  const got = new Int32Array(writer.planOf(read).slots)
  const memory = { bytes: new Uint8Array(page).fill(0x41) }
  const [none, all] = [new Ranges(), new Ranges()]
  all.add(0, page)
  got[writer.planOf(read).resultSlot] = page
  while (writer.bytes < megabytes * 1e6) {
    for (let i = 0; i < 9; i++) {
      told[0] = i
      told[writer.planOf(tell).outcomeSlot] = i === 8 ? 8 : 0
      told[writer.planOf(tell).resultSlot] = writer.calls
      writer.call(tell, told, i !== 8, none, memory, none, memory)
    }
    writer.call(read, got, true, none, memory, all, memory)
  }
  writer.commit()
  closeSync(file)
  return writer.calls
}
