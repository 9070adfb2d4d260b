import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { FdFlags, LookupFlags, OFlags, Rights } from '../../wasm-shim/wasi/flags.ts'
import type { FileSystem } from '../../wasm-shim/wasi/fs/file-system.ts'
import { MemoryFileSystem } from '../../wasm-shim/wasi/fs/memory.ts'
import { Kernel, type KernelConfig, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { createTestHost, type TestHost } from '../support/test-host.ts'

const errnoNames = new Map(Object.entries(Errno).map(([name, number]) => [number as number, name]))
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Where the guest's memory holds what: results, two strings, an iovec array, and bytes. */
export const at = { result: 0, text: 1024, text2: 8192, vectors: 16384, bytes: 32768 } as const

export interface OpenOptions {
  readonly read?: boolean
  readonly write?: boolean
  readonly follow?: boolean
  readonly oflags?: readonly (keyof typeof OFlags)[]
  readonly fdflags?: readonly (keyof typeof FdFlags)[]
}

const bits = <T extends string>(table: Readonly<Record<T, number>>, names: readonly T[] = []) =>
  names.reduce((sum, name) => sum | table[name], 0)

/** Making a memory reserves gigabytes of addresses; guests look at theirs only during and right after a call. */
const common = new WebAssembly.Memory({ initial: 2 })

/** A program written in TypeScript: every call goes through the kernel's import. Failures are errno names. */
export class Guest {
  readonly kernel: Kernel
  readonly memory: WebAssembly.Memory
  readonly abi: string

  constructor(kernel: Kernel, abi = 'wasi_snapshot_preview1', memory = common) {
    this.kernel = kernel
    this.memory = memory
    this.abi = abi
    kernel.attach(() => this.memory)
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer)
  }

  get view(): DataView {
    return new DataView(this.memory.buffer)
  }

  /** 'ESUCCESS', or what went wrong. */
  call(name: string, ...args: (number | bigint)[]): string {
    const errno = this.kernel.link(this.abi, name)?.(...args) as number
    return errnoNames.get(errno) ?? `errno ${errno}`
  }

  text(value: string | Uint8Array, where: number = at.text): [number, number] {
    const bytes = typeof value === 'string' ? encoder.encode(value) : value
    this.bytes.set(bytes, where)
    return [where, bytes.length]
  }

  u32(where: number = at.result): number {
    return this.view.getUint32(where, true)
  }

  u64(where: number = at.result): bigint {
    return this.view.getBigUint64(where, true)
  }

  /** Writes an iovec array for buffers of these lengths, one after the other from `at.bytes`. */
  vectors(...lengths: number[]): [number, number] {
    let pointer: number = at.bytes
    lengths.forEach((length, index) => {
      this.view.setUint32(at.vectors + index * 8, pointer, true)
      this.view.setUint32(at.vectors + index * 8 + 4, length, true)
      pointer += length
    })
    return [at.vectors, lengths.length]
  }

  open(dir: number, path: string, options: OpenOptions = {}): number | string {
    const { read = true, write = false, follow = true } = options
    const rights = (read ? Rights.fd_read : 0) | (write ? Rights.fd_write : 0)
    const errno = this.call(
      'path_open',
      dir,
      follow ? LookupFlags.symlink_follow : 0,
      ...this.text(path),
      bits(OFlags, options.oflags),
      BigInt(rights),
      0n,
      bits(FdFlags, options.fdflags),
      at.result,
    )
    return errno === 'ESUCCESS' ? this.u32() : errno
  }

  create(dir: number, path: string, content = ''): number {
    const fd = this.open(dir, path, { write: true, oflags: ['creat'] })
    if (typeof fd === 'string') throw new Error(`${path}: ${fd}`)
    if (content !== '') this.write(fd, content)
    return fd
  }

  close(fd: number): string {
    return this.call('fd_close', fd)
  }

  write(fd: number, ...parts: string[]): number | string {
    const encoded = parts.map((part) => encoder.encode(part))
    const vectors = this.vectors(...encoded.map(({ length }) => length))
    this.bytes.set(encoder.encode(parts.join('')), at.bytes)
    const errno = this.call('fd_write', fd, ...vectors, at.result)
    return errno === 'ESUCCESS' ? this.u32() : errno
  }

  read(fd: number, ...lengths: number[]): string {
    const errno = this.call('fd_read', fd, ...this.vectors(...lengths), at.result)
    return errno === 'ESUCCESS' ? decoder.decode(this.bytes.slice(at.bytes, at.bytes + this.u32())) : errno
  }

  seek(fd: number, offset: bigint, whence: number): bigint | string {
    const errno = this.call('fd_seek', fd, offset, whence, at.result)
    return errno === 'ESUCCESS' ? this.u64() : errno
  }

  /** filetype and size by path. */
  stat(dir: number, path: string, follow = true): { type: number; size: bigint; nlink: bigint } | string {
    const errno = this.call('path_filestat_get', dir, follow ? 1 : 0, ...this.text(path), at.result)
    if (errno !== 'ESUCCESS') return errno
    return { type: this.bytes[at.result + 16]!, size: this.u64(at.result + 32), nlink: this.u64(at.result + 24) }
  }

  path(name: string, dir: number, path: string): string {
    return this.call(name, dir, ...this.text(path))
  }

  rename(dir: number, from: string, to: string, toDir = dir): string {
    return this.call('path_rename', dir, ...this.text(from), toDir, ...this.text(to, at.text2))
  }

  symlink(target: string, dir: number, path: string): string {
    return this.call('path_symlink', ...this.text(target), dir, ...this.text(path, at.text2))
  }

  link(dir: number, from: string, to: string, flags = 0): string {
    return this.call('path_link', dir, flags, ...this.text(from), dir, ...this.text(to, at.text2))
  }

  /** Names and next cookies of one fd_readdir with a buffer of `room` bytes, whole entries only. */
  readdir(fd: number, cookie = 0n, room = 4096): { names: string[]; next: bigint; used: number } | string {
    const errno = this.call('fd_readdir', fd, at.bytes, room, cookie, at.result)
    if (errno !== 'ESUCCESS') return errno
    const used = this.u32()
    const names: string[] = []
    let next = cookie
    for (let offset = 0; offset + 24 <= used; ) {
      const length = this.u32(at.bytes + offset + 16)
      if (offset + 24 + length > used) break
      const start = at.bytes + offset + 24
      names.push(decoder.decode(this.bytes.slice(start, start + length)))
      next = this.u64(at.bytes + offset)
      offset += 24 + length
    }
    return { names, next, used }
  }
}

export interface Started {
  readonly guest: Guest
  readonly host: TestHost
  readonly fs: MemoryFileSystem
}

export const memoryMount = (fs: FileSystem, guest = '/', readOnly = false): Mount => ({
  guest,
  fs,
  kind: 'memory',
  readOnly,
})

/** A guest with one memory mount as descriptor 3. */
export function start(config: Partial<KernelConfig> = {}, host = createTestHost(), abi?: string): Started {
  const fs = MemoryFileSystem.create(() => host.clocks.realtime())
  const kernel = Kernel.create({ args: ['prog'], env: [], mounts: [memoryMount(fs)], ...config }, host)
  return { guest: new Guest(kernel, abi), host, fs }
}

/** Goes on from a saved state in a new kernel, with memory mounts out of the state. */
export function resume(state: Uint8Array, host = createTestHost(), mounts: readonly Mount[] = []): Guest {
  const memoryFileSystem = (saved: Uint8Array | undefined) =>
    MemoryFileSystem.restore(saved!, () => host.clocks.realtime())
  return new Guest(Kernel.restore(state, { mounts, memoryFileSystem }, host))
}
