import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { Session } from '../../host-node/sessions.ts'
import { Stasis } from '../cli/processes.ts'
import { dice, largeDice, sumOf, throws } from './dice.ts'
import { noSmallDisks, SmallDisk } from './small-disk.ts'

const problem = noSmallDisks()
const letterCount = 30

let disk: SmallDisk
const started: Stasis[] = []
beforeEach(() => {
  if (problem === undefined) disk = new SmallDisk(512)
})
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.splice(0).map((one) => one.finished))
  if (problem === undefined) disk.remove()
})

function stasis(...argv: string[]): Stasis {
  const { STASIS_STORE: _, FORCE_COLOR: __, ...env } = process.env
  const own = { XDG_CACHE_HOME: disk.directory, TMPDIR: disk.directory, NO_COLOR: '1' }
  const one = new Stasis(disk.directory, argv, { ...env, ...own })
  one.child.stdin?.end()
  started.push(one)
  return one
}

const store = ['--store', 'file:disk/store']
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Runs the program until it stands still for want of room. */
async function standing(): Promise<Stasis> {
  writeFileSync(join(disk.directory, 'dice.wasm'), largeDice)
  const one = stasis('run', '--name', 'dice', ...store, 'dice.wasm')
  await one.says('There is no room for the call log', 'err')
  await pause(300)
  const before = one.out
  await pause(700)
  expect(one.out).toBe(before)
  expect(before.length).toBeLessThan(letterCount)
  expect(one.child.exitCode).toBeNull()
  return one
}

const title = (name: string) => (problem === undefined ? name : `${name} (${problem})`)

describe.skipIf(problem !== undefined)(title('with a full disk'), () => {
  test('the program stands still, and goes on when there is room', async () => {
    const one = await standing()
    disk.resize(16_384)
    const { code, out, err } = await one.finished
    expect(err).toContain('There is room for the call log again')
    expect(code).toBe(9)
    expect(out.slice(letterCount)).toBe(sumOf(out.slice(0, letterCount)))
    expect(readdirSync(disk.path)).toEqual([])
  })

  test.each([['killed'], ['killed, and restored while there is no room']])(
    'the program, %s, is intact',
    async (how) => {
      const one = await standing()
      one.child.kill('SIGKILL')
      const first = (await one.finished).out
      if (how !== 'killed') {
        disk.fill()
        const early = stasis('restore', ...store, 'dice')
        await Promise.race([early.finished, pause(2500)])
        early.child.kill('SIGKILL')
        const { out, err, code } = await early.finished
        expect(out).toBe('')
        // Either it waits, or it says why it cannot.
        expect(code === null ? 'no room' : err).toMatch(/no room|no space|ENOSPC/i)
        disk.empty()
      }
      disk.resize(16_384)
      const { code, out, err } = await stasis('restore', ...store, 'dice').finished
      expect(code, err).toBe(9)
      const thrown = out.slice(0, -8)
      const letters = first.slice(0, letterCount - thrown.length) + thrown
      expect(letters.length).toBe(letterCount)
      expect(first.length + thrown.length - letterCount).toBeLessThanOrEqual(1)
      expect(out.slice(-8)).toBe(sumOf(letters))
      expect(readdirSync(disk.path)).toEqual([])
    },
  )

  test('a checkpoint is refused with the reason, the program goes on, and the next one is good', async () => {
    disk.resize(2048)
    let out = ''
    const stdin = new PassThrough()
    const files = new FileStore(join(disk.path, 'store'))
    const options = {
      stdout: (bytes: Uint8Array) => {
        out += new TextDecoder().decode(bytes)
      },
      cache: false as const,
    }
    const session = await Session.start({ ...options, store: files, module: dice, name: 'dice', stdin })
    while (out.length < throws) await pause(5)
    // Until the log has the last of it, and the program waits for stdin.
    await pause(500)
    disk.fill()
    await expect(session.checkpoint()).rejects.toThrow(/ENOSPC/)
    const left = readdirSync(join(disk.path, 'store'), { recursive: true }).map(String)
    expect(left.filter((name) => /\.tmp-|\.ck/.test(name))).toEqual([])
    disk.empty()
    await session.checkpoint({ stop: true })
    const again = await Session.restore(files, 'dice', { ...options, stdin: 'empty' })
    expect(await again.done).toEqual({ kind: 'exited', code: 9 })
    expect(out.slice(throws)).toBe(sumOf(out.slice(0, throws)))
  })

  test('a program does not begin, and the reason is told', async () => {
    disk.fill()
    writeFileSync(join(disk.directory, 'dice.wasm'), dice)
    const { code, out, err } = await stasis('run', '--name', 'dice', ...store, 'dice.wasm').finished
    expect(out).toBe('')
    expect(code).not.toBe(0)
    expect(err).toMatch(/ENOSPC|no space/)
  })
})
