// The lock of a writer among processes, and processes that are killed while they save.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCheckpointFile } from '../../host-node/checkpoint-file-host.ts'
import { machineNode } from '../support/nodes.ts'
import { codeOf } from './worlds.ts'

let directory: string
let path: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-lock-'))
  path = join(directory, 'state.ckp')
})
afterEach(() => rmSync(directory, { recursive: true }))

const dist = new URL('../../dist/node.js', import.meta.url).href

/** A process that saves without end, each version filled with its number, and says when it has begun. */
function startWriter(): Promise<ChildProcess> {
  const script = join(directory, 'writer.mjs')
  const text = `import { openCheckpointFile } from '${dist}'
    const file = openCheckpointFile(process.argv[2])
    const memory = new Uint32Array(20000)
    const region = file.register('state', new Uint8Array(memory.buffer))
    file.register('twice', new Uint8Array(memory.buffer, 0, 9000))
    let version = file.versions().length
    for (;;) {
      memory.fill(++version)
      file.saveAll()
      if (version % 5 === 0) file.compact({ keep: 3 })
      process.stdout.write('.')
    }`
  writeFileSync(script, text)
  const child = spawn(machineNode(), [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve) => child.stdout.once('data', () => resolve(child)))
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

test('a living process keeps others from writing, and a dead one does not', async () => {
  const child = await startWriter()
  try {
    expect(() => openCheckpointFile(path)).toThrow(`is being written by process ${child.pid} on `)
    openCheckpointFile(path, { readOnly: true }).close()
  } finally {
    await kill(child)
  }
  expect(existsSync(`${path}.lock.1`)).toBe(true)
  const file = openCheckpointFile(path)
  expect(existsSync(`${path}.lock.1`)).toBe(false)
  file.close()
  expect(readdirSync(directory).filter((name) => name.includes('.lock.'))).toEqual([])
})

test('killed at any time, a writer leaves whole versions only', async () => {
  for (let round = 0; round < 12; round++) {
    const child = await startWriter()
    await new Promise((resolve) => setTimeout(resolve, round * 7))
    await kill(child)
    const file = openCheckpointFile(path)
    file.verify()
    const numbers = file.versions().map(({ version }) => version)
    expect(numbers.length).toBeGreaterThan(0)
    for (const version of file.saved().get('state') ?? []) {
      const words = new Uint32Array(file.read('state', version).buffer)
      expect(new Set(words).size).toBe(1)
      const twice = new Uint32Array(file.read('twice', version).buffer)
      expect(twice.every((word) => word === words[0])).toBe(true)
    }
    file.close()
  }
})

test('closing is enough: the file can be opened again at once, and its parts are private', () => {
  for (let i = 0; i < 3; i++) {
    const file = openCheckpointFile(path)
    file.save(file.register('state', Uint8Array.of(i)))
    file.close()
    file.close()
  }
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
  expect(readdirSync(directory).sort()).toEqual(['state.ckp', 'state.ckp.index'])
})

test('a place that cannot be opened is told, and leaves no lock', () => {
  expect(codeOf(() => openCheckpointFile(join(directory, 'missing/state.ckp')))).toBe('STASIS_CKP_OPEN')
  writeFileSync(path, 'something else entirely')
  expect(codeOf(() => openCheckpointFile(path))).toBe('STASIS_CKP_FOREIGN')
  expect(codeOf(() => openCheckpointFile(directory))).toBe('STASIS_CKP_OPEN')
  expect(readdirSync(directory)).toEqual(['state.ckp'])
})

test('a file that grows under the hands of its writer is not written to', () => {
  const file = openCheckpointFile(path)
  const region = file.register('state', Uint8Array.of(1))
  file.save(region)
  writeFileSync(path, new Uint8Array(5000), { flag: 'a' })
  expect(codeOf(() => file.save(region))).toBe('STASIS_CKP_CHANGED')
  file.close()
})
