import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeHost } from '../../host-node/host.ts'
import { ControlBlock, Request } from '../../runtime/session/control-block.ts'
import { Errno } from '../../wasm-shim/wasi/errno.ts'
import { bundle } from '../support/bundle.ts'

const millisecond = 1_000_000n
const directory = mkdtempSync(join(tmpdir(), 'stasis-host-'))
const probe = join(directory, 'probe.mjs')

beforeAll(() => writeFileSync(probe, bundle(new URL('./host-probe.ts', import.meta.url))))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const startProbe = (action: string, stdio: SpawnOptions['stdio']) => spawn(process.execPath, [probe, action], { stdio })

function createHost() {
  const control = new ControlBlock()
  return { control, host: createNodeHost({ control, stdin: { kind: 'empty' } }) }
}

describe('waiting', () => {
  it('sleeps for a millisecond in about a millisecond', () => {
    const { host } = createHost()
    const lateness: number[] = []
    for (let round = 0; round < 60; round++) {
      const start = host.clocks.monotonic()
      expect(host.wait({ timeout: millisecond, stdin: false })).toBe('timeout')
      lateness.push(Number(host.clocks.monotonic() - start) / 1e6)
    }
    const middle = lateness.sort((a, b) => a - b)[30] as number
    expect(lateness[0]).toBeGreaterThanOrEqual(1)
    expect(middle).toBeLessThan(1.8)
  })

  it('waits for less than a millisecond too, and never too short', () => {
    const { host } = createHost()
    for (const timeout of [0n, 1n, 20_000n, 150_000n, 400_000n]) {
      const start = host.clocks.monotonic()
      expect(host.wait({ timeout, stdin: false })).toBe('timeout')
      expect(host.clocks.monotonic() - start).toBeGreaterThanOrEqual(timeout)
    }
  })

  it('is interrupted by a request that is pending already, even without time to wait', () => {
    const { host, control } = createHost()
    control.request(Request.checkpoint)
    expect(host.wait({ timeout: 0n, stdin: false })).toBe('interrupted')
    expect(host.wait({ stdin: true })).toBe('interrupted')
    expect(control.take()).toBe(Request.checkpoint)
    expect(host.wait({ timeout: 0n, stdin: false })).toBe('timeout')
  })

  it('is ready at once when stdin has ended', () => {
    expect(createHost().host.wait({ stdin: true })).toBe('ready')
  })

  it('goes on waiting after a wake that brings nothing', () => {
    const { host, control } = createHost()
    control.wake()
    const start = host.clocks.monotonic()
    expect(host.wait({ timeout: 3n * millisecond, stdin: false })).toBe('timeout')
    expect(host.clocks.monotonic() - start).toBeGreaterThanOrEqual(3n * millisecond)
  })
})

describe('clocks', () => {
  it('give realtime within 5 ms of the system and of nanosecond steps', () => {
    const { clocks } = createHost().host
    const [before, now, after] = [Date.now(), clocks.realtime(), Date.now()]
    expect(Number(now / millisecond)).toBeGreaterThanOrEqual(before - 5)
    expect(Number(now / millisecond)).toBeLessThanOrEqual(after + 5)
    const lastDigits = new Set(Array.from({ length: 50 }, () => clocks.realtime() % 1000n))
    expect(lastDigits.size).toBeGreaterThan(3)
  })

  it('never run back', () => {
    const { clocks } = createHost().host
    let [monotonic, cpu] = [clocks.monotonic(), clocks.cpuTime()]
    for (let round = 0; round < 10_000; round++) {
      const next = clocks.monotonic()
      expect(next >= monotonic).toBe(true)
      monotonic = next
    }
    const later = clocks.cpuTime()
    expect(later).toBeGreaterThan(cpu)
    cpu = later
  })
})

describe('random bytes', () => {
  it('differ from call to call and fill all of the target, small or large', () => {
    const { random } = createHost().host
    const seen = new Set<string>()
    for (let round = 0; round < 1000; round++) {
      const target = new Uint8Array(16)
      random(target)
      seen.add(Buffer.from(target).toString('hex'))
    }
    expect(seen.size).toBe(1000)
    const large = new Uint8Array(100_000)
    random(large)
    const counts = new Uint32Array(256)
    for (const byte of large) counts[byte] = (counts[byte] as number) + 1
    // 390 are expected of each; 8 standard deviations are 160.
    expect(Math.min(...counts)).toBeGreaterThan(230)
    expect(Math.max(...counts)).toBeLessThan(550)
  })

  it('can be put into shared memory', () => {
    const target = new Uint8Array(new SharedArrayBuffer(64))
    createHost().host.random(target)
    expect(target.some((byte) => byte !== 0)).toBe(true)
  })
})

describe('standard streams of a process', () => {
  it('are told apart: pipe, file, null device', async () => {
    const child = startProbe('kinds', ['pipe', openSync(join(directory, 'out'), 'w'), 'pipe'])
    const [kinds] = await once(child.stderr as NonNullable<typeof child.stderr>, 'data')
    expect(JSON.parse(String(kinds))).toEqual(['pipe', 'file', 'pipe'])
    const silent = spawnSync(process.execPath, [probe, 'kinds'], { stdio: ['ignore', 'ignore', 'pipe'] })
    expect(JSON.parse(String(silent.stderr))).toEqual(['null', 'null', 'pipe'])
  })

  it('take all bytes although the reader is slow and the pipe does not block', async () => {
    const child = startProbe('flood', ['ignore', 'pipe', 'pipe'])
    const { stdout, stderr } = child as { stdout: NonNullable<typeof child.stdout>; stderr: typeof child.stderr }
    let [received, results] = [0, '']
    stderr?.on('data', (chunk) => {
      results += chunk
    })
    await delay(200)
    for await (const chunk of stdout) {
      received += (chunk as Buffer).length
      await delay(1)
    }
    expect(received).toBe(900_000)
    expect(JSON.parse(results)).toEqual([300_000, 300_000, 300_000])
  })

  it('report a broken pipe as EPIPE', async () => {
    const child = startProbe('until-broken', ['ignore', 'pipe', 'pipe'])
    const { stdout, stderr } = child as {
      stdout: NonNullable<typeof child.stdout>
      stderr: NonNullable<typeof child.stderr>
    }
    await once(stdout, 'data')
    stdout.destroy()
    const [result] = await once(stderr, 'data')
    expect(Number(result)).toBe(-Errno.EPIPE)
  })

  it('read a file given as stdin, all of it', () => {
    const path = join(directory, 'in')
    writeFileSync(path, 'line\n'.repeat(100_000))
    const fd = openSync(path, 'r')
    const { stdout } = spawnSync(process.execPath, [probe, 'copy'], { stdio: [fd, 'pipe', 'pipe'], maxBuffer: 1e7 })
    closeSync(fd)
    expect(stdout.equals(readFileSync(path))).toBe(true)
  })

  it('leave the rest of a file on stdin to the next program', () => {
    const path = join(directory, 'shared')
    writeFileSync(path, 'onetwo')
    const fd = openSync(path, 'r')
    const reads = [0, 1].map(() => spawnSync(process.execPath, [probe, 'read-some'], { stdio: [fd, 'pipe', 'pipe'] }))
    closeSync(fd)
    expect(reads.map(({ stderr }) => JSON.parse(String(stderr)).replaceAll('\0', ''))).toEqual(['onet', 'wo'])
  })

  it('bring a pipe from stdin to stdout', () => {
    const input = Buffer.alloc(500_000, 'abcdefg')
    const { stdout } = spawnSync(process.execPath, [probe, 'copy'], { input, maxBuffer: 1e7 })
    expect(stdout.equals(input)).toBe(true)
  })
})
