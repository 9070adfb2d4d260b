// Writes a log of as many megabytes as the first argument says and summarises it while it comes, in one small process.
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { readLog } from '../../runtime/log/reader.ts'
import { summarizeLog } from '../../runtime/log/summary.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import { ValType } from '../../wasm-shim/module/model.ts'
import { Ranges } from '../../wasm-shim/wasi/host-writes.ts'

const { i32 } = ValType
const size = Number(process.argv[2]) * 1e6
let written = 0

function* log(): Generator<Uint8Array> {
  const blocks: Uint8Array[] = []
  const sink = (block: Uint8Array) => blocks.push(block.slice())
  const session = '0f8fad5b-d9cb-469f-a165-70867728950e'
  const writer = new LogWriter({ session, sink, chunks: new MemoryChunkStore() })
  const shape = { module: 'sample', params: [i32, i32], results: [i32], resultWords: 1, input: false }
  const read = writer.define({ ...shape, name: 'read', output: true })
  const tell = writer.define({ ...shape, name: 'tell', output: false })
  const words = new Int32Array(writer.planOf(read).slots)
  const memory = { bytes: new Uint8Array(4096).fill(7) }
  const [none, page] = [new Ranges(), new Ranges()]
  page.add(0, 4096)
  while (writer.bytes < size) {
    words[0] = written % 9
    words[2] = written
    writer.call(tell, words, true, none, memory, none, memory)
    writer.call(read, words, true, none, memory, page, memory)
    written += 2
    yield* blocks
    blocks.length = 0
  }
  writer.commit()
  yield* blocks
}

let most = 0
const timer = { next: 0 }
function* watched(): Generator<Uint8Array> {
  for (const block of log()) {
    if (timer.next++ % 64 === 0) {
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      most = Math.max(most, heapUsed + arrayBuffers)
    }
    yield block
  }
}
const summary = summarizeLog(readLog(watched()))
process.stdout.write(JSON.stringify({ summary, written, most }))
