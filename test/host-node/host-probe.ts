/**
 * A process whose worker uses the host as a guest's thread does: `node probe.mjs ACTION`. Results are lines of JSON on
 * stderr, so that stdout is free for the test.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { feedStdin } from '../../host-node/feed-stdin.ts'
import { createNodeHost } from '../../host-node/host.ts'
import { ControlBlock } from '../../runtime/session/control-block.ts'
import { StdinRing } from '../../runtime/session/stdin-ring.ts'
import type { Host } from '../../wasm-shim/wasi/host.ts'

const report = (host: Host, value: unknown) => host.stderr.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`))

const actions: Readonly<Record<string, (host: Host) => void>> = {
  kinds: (host) => report(host, [host.stdin.kind, host.stdout.kind, host.stderr.kind]),
  flood: (host) => {
    const block = new Uint8Array(300_000).fill(97)
    report(host, [host.stdout.write(block), host.stdout.write(block), host.stdout.write(block)])
  },
  'until-broken': (host) => {
    const block = new Uint8Array(1000)
    for (;;) {
      const result = host.stdout.write(block)
      if (result < 0) return report(host, result)
    }
  },
  copy: (host) => {
    const block = new Uint8Array(5000)
    for (;;) {
      const count = host.stdin.read(block)
      if (count === 0) return
      if (count === undefined) host.wait({ stdin: true })
      else host.stdout.write(block.subarray(0, count))
    }
  },
  'read-some': (host) => {
    const block = new Uint8Array(4)
    while (host.stdin.read(block) === undefined) host.wait({ stdin: true })
    report(host, new TextDecoder().decode(block))
  },
}

if (isMainThread) {
  const [control, ring] = [new ControlBlock(), new StdinRing()]
  // What a terminal program does to its pipes: the guest's writes then meet EAGAIN.
  if (process.argv[2] === 'flood') process.stdout.write('')
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { control: control.buffer, ring: ring.buffer, action: process.argv[2] },
  })
  const feed = feedStdin(ring, control, () => process.stdin)
  worker.on('exit', () => feed.stop())
} else {
  const { control, ring, action } = workerData as {
    control: SharedArrayBuffer
    ring: SharedArrayBuffer
    action: string
  }
  actions[action]?.(createNodeHost({ control: new ControlBlock(control), stdin: { kind: 'inherit', ring } }))
}
