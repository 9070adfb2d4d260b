import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { createNodeHost } from '../../host-node/host.ts'
import { ControlBlock } from '../../runtime/session/control-block.ts'

/** A guest that waits for stdin as the kernel does, and reports what it saw. */
interface Orders {
  readonly control: SharedArrayBuffer
  readonly ring: SharedArrayBuffer
  /** Bytes of each read. */
  readonly size: number
  /** Stop after so many bytes; absent to read to the end. */
  readonly limit?: number
  /** Milliseconds to sleep before the first read and after each. */
  readonly pause: number
}

const { control, ring, size, limit, pause } = workerData as Orders
const host = createNodeHost({ control: new ControlBlock(control), stdin: { kind: 'ring', ring } })
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const hash = createHash('sha256')
const target = new Uint8Array(size)
let total = 0
let outcome = 'end'
if (pause > 0) Atomics.wait(sleeper, 0, 0, pause)
while (limit === undefined || total < limit) {
  const count = host.stdin.read(target.subarray(0, limit === undefined ? size : Math.min(size, limit - total)))
  if (count === 0) break
  if (count === undefined) {
    outcome = host.wait({ stdin: true })
    if (outcome === 'interrupted') break
    outcome = 'end'
  } else {
    hash.update(target.subarray(0, count))
    total += count
    if (pause > 0) Atomics.wait(sleeper, 0, 0, pause)
  }
}
parentPort?.postMessage({ outcome, total, sha256: hash.digest('hex') })
