import type { Host, HostStream } from '../../wasm-shim/wasi/host.ts'

/** Bytes before those of stdin: what an earlier part of the session had taken from its stdin and not read. */
export class FirstInput {
  #rest: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#rest = bytes
  }

  /** What the guest has not read yet. */
  get rest(): Uint8Array {
    return this.#rest
  }

  /** So many were read by calls that are behind the guest. */
  skip(count: number): void {
    this.#rest = this.#rest.subarray(Math.min(count, this.#rest.length))
  }

  /** The host with these bytes first. */
  before(host: Host): Host {
    if (this.#rest.length === 0) return host
    const { stdin, clocks, random, stdout, stderr } = host
    const first: HostStream = {
      kind: stdin.kind,
      read: (target) => this.#read(target) ?? stdin.read(target),
      readable: () => this.#rest.length || stdin.readable(),
      write: (source) => stdin.write(source),
    }
    return {
      ...{ clocks, random, stdin: first, stdout, stderr },
      wait: (condition) => {
        if (!condition.stdin || this.#rest.length === 0) return host.wait(condition)
        return host.wait({ stdin: false, timeout: 0n }) === 'interrupted' ? 'interrupted' : 'ready'
      },
    }
  }

  #read(target: Uint8Array): number | undefined {
    if (this.#rest.length === 0) return undefined
    const part = this.#rest.subarray(0, target.length)
    target.set(part)
    this.#rest = this.#rest.subarray(part.length)
    return part.length
  }
}
