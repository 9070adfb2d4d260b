// The libraries for guests, in C and AssemblyScript: on node:wasi and on our own WASI, and the same files for guest and host.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openCheckpointFile, openCheckpointStorage } from '../../host-node/checkpoint-file-host.ts'
import { WASI } from '../../host-node/wasi/wasi.ts'
import { type ProgramName, program } from '../programs/programs.ts'
import { machineNode } from '../support/nodes.ts'
import { runInstrumented } from '../support/run-case.ts'
import { removeVersions, seal, somePages } from './worlds.ts'

/** The same two programs in each language. */
const languages = [
  { language: 'C', steps: 'ckp-steps', check: 'ckp-check' },
  { language: 'AssemblyScript', steps: 'as-ckp-steps', check: 'as-ckp-check' },
] as const

const missing = languages
  .flatMap(({ steps, check }) => [program(steps), program(check)])
  .find((each) => !each.available)
const why = missing === undefined ? '' : `: ${missing.reason}`

const hosts = {
  'node:wasi': "import { WASI } from 'node:wasi'",
  'our WASI': `import { WASI } from '${new URL('../../dist/node.js', import.meta.url).href}'`,
} as const

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-ckp-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** The command that runs a program with `directory` as /data. */
function command(host: keyof typeof hosts, name: ProgramName, args: readonly string[]): string[] {
  const script = join(directory, 'run.mjs')
  const text = `${hosts[host]}
    import { readFileSync } from 'node:fs'
    const [path, directory, ...args] = process.argv.slice(2)
    const wasi = new WASI({ version: 'preview1', args: ['program', ...args], preopens: { '/data': directory }, returnOnExit: true })
    const module = new WebAssembly.Module(readFileSync(path))
    process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()))`
  writeFileSync(script, text)
  return ['--no-warnings', script, program(name).path, directory, ...args]
}

function run(host: keyof typeof hosts, name: ProgramName): string {
  const { status, stdout, stderr } = spawnSync(machineNode(), command(host, name, []), { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return stdout
}

function runUnderStasis(name: ProgramName): string {
  const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
  const options = ['--store', join(directory, 'store'), '--no-log', '--dir', `${directory}::/data`]
  const argv = ['--no-warnings', cli, 'run', ...options, program(name).path]
  const { status, stdout, stderr } = spawnSync(machineNode(), argv, { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return stdout
}

/** Runs the steps until the fifth is saved, and kills the process. */
async function runAndKill(host: keyof typeof hosts, steps: ProgramName): Promise<void> {
  const child = spawn(machineNode(), command(host, steps, ['wait']), { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error(`it ended by itself: ${output}`)))
    child.stdout.on('data', (bytes) => {
      output += bytes
      if (output.includes('saved step 5')) resolve()
    })
  })
  const ended = new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)))
  child.removeAllListeners('exit')
  child.kill('SIGKILL')
  expect(await ended).toBe('SIGKILL')
}

/** What the program has in `values[i]` after a step. */
const valueAfter = (step: number, i: number): number => ((step * (step + 1)) / 2) * (i + 1)
const isHead = (bytes: Uint8Array, at: number): boolean => String.fromCharCode(...bytes.subarray(at, at + 4)) === 'CKPR'
const stepOf = (bytes: Uint8Array): number => new DataView(bytes.buffer).getInt32(0, true)
const doubleAt = (bytes: Uint8Array, i: number): number => new DataView(bytes.buffer).getFloat64(8 + i * 8, true)

describe.skipIf(missing !== undefined).each(languages)(
  `a program in $language with checkpoint files${why}`,
  ({ steps, check }) => {
    const path = () => join(directory, 'steps.ckp')

    test.each(Object.keys(hosts) as (keyof typeof hosts)[])('does what the operations are said to do on %s', (host) => {
      run(host, check)
      const file = openCheckpointFile(join(directory, 'check.ckp'))
      expect([...file.saved()]).toEqual([
        ['a', [1, 2, 3, 4, 5]],
        ['b', [1, 2, 3, 4, 5]],
        ['c', [1]],
      ])
      file.verify()
      file.close()
    })

    test.each(Object.keys(hosts) as (keyof typeof hosts)[])(
      'saves 5 times, is killed, is started again and restores version -1 on %s, and the host reads its file',
      async (host) => {
        await runAndKill(host, steps)
        const reader = openCheckpointFile(path(), { readOnly: true })
        for (let step = 1; step <= 5; step++) {
          const state = reader.read('state', step)
          expect([stepOf(state), doubleAt(state, 999), doubleAt(state, 1000)]).toEqual([step, valueAfter(step, 999), 0])
        }
        expect(Math.abs(reader.versions()[0]!.time - Date.now())).toBeLessThan(600_000)
        reader.verify()
        reader.close()
        expect(run(host, steps)).toBe('restored step 4, 10\nsaved step 5\nsaved step 6\nsaved step 7\nsaved step 8\n')
        const file = openCheckpointFile(path())
        expect(file.saved().get('state')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
        // A guest keeps the index as the host does: it is not written anew.
        const index = readFileSync(`${path()}.index`)
        file.close()
        rmSync(`${path()}.index`)
        openCheckpointFile(path()).close()
        expect(readFileSync(`${path()}.index`)).toEqual(index)
      },
    )

    test('goes on from what the host saved, compacted as well', () => {
      const file = openCheckpointFile(path())
      const state = new Uint8Array(8 + 10000 * 8)
      const region = file.register('state', state)
      for (let step = 0; step < 7; step++) {
        new DataView(state.buffer).setInt32(0, step, true)
        new DataView(state.buffer).setFloat64(8, step + 0.5, true)
        state.set(somePages(2, step), 40_000)
        file.save(region, { note: Uint8Array.of(step) })
      }
      file.compact({ keep: 2 })
      file.close()
      expect(run('node:wasi', steps)).toBe('restored step 5, 5.5\nsaved step 6\nsaved step 7\nsaved step 8\n')
      const again = openCheckpointFile(path())
      expect(again.saved().get('state')).toEqual([6, 7, 8, 9, 10])
      expect(again.versions().map(({ version }) => version)).toEqual([6, 7, 8, 9, 10])
      again.verify()
      again.close()
    })

    test.each([...Object.keys(hosts), 'Stasis'] as (keyof typeof hosts | 'Stasis')[])(
      'passes over versions that were removed from its file, on %s',
      (host) => {
        const file = openCheckpointFile(path())
        const state = new Uint8Array(8 + 10000 * 8)
        const region = file.register('state', state)
        for (let step = 0; step < 7; step++) {
          new DataView(state.buffer).setInt32(0, step, true)
          state.set(somePages(2, step), 40_000)
          file.save(region)
        }
        file.close()
        removeVersions(openCheckpointStorage(path(), false), [1, 6])
        expect(host === 'Stasis' ? runUnderStasis(steps) : run(host, steps)).toBe(
          'restored step 4, 0\nsaved step 5\nsaved step 6\nsaved step 7\nsaved step 8\n',
        )
        const again = openCheckpointFile(path())
        expect(again.saved().get('state')).toEqual([2, 3, 4, 5, 7, 8, 9, 10, 11])
        expect(stepOf(again.read('state', -1))).toBe(7)
        again.verify()
        again.close()
      },
    )

    test('refuses a removal that contradicts the file, and leaves it as it is', () => {
      run('node:wasi', steps)
      removeVersions(openCheckpointStorage(path(), false), [9])
      const data = readFileSync(path())
      const { status, stderr } = spawnSync(machineNode(), command('node:wasi', steps, []), { encoding: 'utf8' })
      expect([status, stderr]).toEqual([1, expect.stringMatching(/^The checkpoint file is damaged at byte \d+\.\n$/)])
      expect(readFileSync(path())).toEqual(data)
    })

    test('goes on after a save that was cut, wherever', () => {
      run('node:wasi', steps)
      const data = readFileSync(path())
      const file = openCheckpointFile(path())
      const ends = file.versions().reduce<number[]>((all, { size }) => [...all, (all.at(-1) ?? 32) + size], [])
      file.close()
      const [start, end] = [ends[5]!, ends[6]!]
      for (const size of [
        start + 1,
        start + 63,
        start + 64,
        start + 200,
        Math.floor((start + end) / 2),
        end - 1,
        end,
      ]) {
        writeFileSync(path(), data.subarray(0, size))
        const restored = size === end ? 6 : 5
        expect(run('node:wasi', steps), `cut at ${size}`).toMatch(new RegExp(`^restored step ${restored}, `))
        const after = openCheckpointFile(path(), { readOnly: true })
        after.verify()
        expect(stepOf(after.read('state'))).toBe(8)
        after.close()
      }
    })

    test('refuses a file whose middle is damaged, and leaves it as it is', () => {
      run('node:wasi', steps)
      const data = readFileSync(path())
      data[40] = data[40]! ^ 1
      writeFileSync(path(), data)
      const { status, stderr } = spawnSync(machineNode(), command('node:wasi', steps, []), { encoding: 'utf8' })
      expect([status, stderr]).toEqual([1, 'The checkpoint file is damaged at byte 32.\n'])
      expect(readFileSync(path())).toEqual(data)
    })

    test('ends with an error or goes on, and never traps, with 1,500 mutated files', () => {
      run('node:wasi', steps)
      const data = new Uint8Array(readFileSync(path()))
      const module = new WebAssembly.Module(program(steps).module)
      const stdout = openSync('/dev/null', 'w')
      let random = 7
      const next = (limit: number): number => {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0
        return Math.floor((random / 2 ** 32) * limit)
      }
      const codes = new Set<unknown>()
      for (let i = 0; i < 1500; i++) {
        const bytes = data.slice()
        // In the first head, or the second, which stands behind two pages and a half of the first version.
        const head = i % 2 === 0 ? 0 : bytes.findIndex((_, at) => at > 64 && at % 8 === 0 && isHead(bytes, at)) - 32
        for (let n = 0; n <= next(2); n++) bytes[head + 32 + next(160)] = [0, 1, 0xff, 0x7f, next(256)][next(5)]!
        if (i % 4 < 3) seal(bytes)
        writeFileSync(path(), next(5) === 0 ? bytes.subarray(0, next(bytes.length)) : bytes)
        const options = {
          version: 'preview1',
          args: ['steps'],
          preopens: { '/data': directory },
          returnOnExit: true,
        } as const
        const wasi = new WASI({ ...options, stdout, stderr: stdout, log: false })
        codes.add(wasi.start(new WebAssembly.Instance(module, wasi.getImportObject() as WebAssembly.Imports)))
      }
      closeSync(stdout)
      expect([...codes].sort()).toEqual([0, 1])
    })

    test('is checkpointed as a whole at every call and does the same, its files included', () => {
      const each = {
        name: check,
        program: check,
        args: [],
        env: {},
        stdin: '',
        mounts: ['/data'],
        files: {},
      } as const
      const { exitCode, stderr, restores } = runInstrumented(each, { every: 1 })
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(restores).toBeGreaterThan(50)
    })

    test('needs nothing but WASI', () => {
      const modules = WebAssembly.Module.imports(new WebAssembly.Module(program(check).module)).map(
        ({ module }) => module,
      )
      expect([...new Set(modules)]).toEqual(['wasi_snapshot_preview1'])
      expect(existsSync(fileURLToPath(new URL('../../wasm-shim/guest/c/ckp_util.h', import.meta.url)))).toBe(true)
    })
  },
)

test.skipIf(missing !== undefined)(`C, AssemblyScript and the host go on from each other's files${why}`, () => {
  const path = join(directory, 'steps.ckp')
  const saved = Array.from({ length: 8 }, (_, i) => `saved step ${i + 1}\n`).join('')
  expect(run('node:wasi', 'as-ckp-steps')).toBe(saved)
  expect(run('node:wasi', 'ckp-steps')).toBe('restored step 7, 28\nsaved step 8\n')
  expect(run('node:wasi', 'as-ckp-steps')).toBe('restored step 8, 36\n')
  rmSync(path)
  expect(run('node:wasi', 'ckp-steps')).toBe(saved)
  expect(run('node:wasi', 'as-ckp-steps')).toBe('restored step 7, 28\nsaved step 8\n')
  expect(run('node:wasi', 'ckp-steps')).toBe('restored step 8, 36\n')
  rmSync(path)
  const order: readonly ProgramName[] = ['as-ckp-steps', 'ckp-steps', 'as-ckp-steps', 'as-ckp-steps', 'ckp-steps']
  order.forEach((name, turn) => {
    // Each begins one step back, and saves two steps: the last but one to the eighth again.
    const file = openCheckpointFile(path)
    const state = new Uint8Array(8 + 10000 * 8)
    const region = file.register('state', state)
    for (const step of [6, 7]) {
      state.fill(turn * 16 + step, 4096 * step, 4096 * (step + 2))
      new DataView(state.buffer).setInt32(0, step, true)
      new DataView(state.buffer).setFloat64(8, step, true)
      file.save(region)
    }
    file.close()
    expect(run('node:wasi', name), name).toBe('restored step 6, 6\nsaved step 7\nsaved step 8\n')
    const reader = openCheckpointFile(path, { readOnly: true })
    reader.verify()
    expect(reader.saved().get('state')?.length).toBe((turn + 1) * 4)
    expect([stepOf(reader.read('state')), reader.read('state')[4096 * 7]]).toEqual([
      8,
      reader.read('state', -3)[4096 * 7],
    ])
    reader.close()
  })
})
