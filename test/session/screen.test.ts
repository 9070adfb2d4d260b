// What a terminal has shown goes with the session: at a checkpoint, and behind it by the call log.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore } from '../../host-node/open-store.ts'
import { maxScreen } from '../../runtime/image/layout.ts'
import { lastLines, Screen } from '../../runtime/session/screen.ts'
import { readScreen } from '../../runtime/store/checkpoint-screen.ts'
import { removeVersions } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { program } from '../programs/programs.ts'
import { titled } from '../support/titled.ts'
import { restore, start } from './harness.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (some: Uint8Array) => new TextDecoder().decode(some)

let directory: string
let store: Store
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-screen-'))
  store = await openStore(`file:${join(directory, '.stasis')}`)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const tty = { stdin: 'tty', stdout: 'tty', stderr: 'tty' } as const

const lua = program('lua')

describe.skipIf(!lua.available)(titled('a session on a terminal', lua.reason), () => {
  const script = 'while true do local l = io.read() if not l then break end print("<" .. l .. ">") end'
  const options = () =>
    ({
      args: ['lua', '-e', script],
      module: new Uint8Array(readFileSync(lua.path)),
      moduleName: 'lua.wasm',
      name: 'talk',
      store,
      // Stopped where it waits for the third line.
      triggers: [{ kind: 'idle' }],
      stopAfterSnapshot: true,
    }) as const
  const world = { kinds: tty, stdin: 'one\ntwo\n', stdinOpen: true }
  const screen = 'one\ntwo\n<one>\n<two>\n'

  async function stopped(): Promise<void> {
    const { session } = await start(options(), world)
    expect((await session.done).kind).toBe('suspended')
  }

  test('shows what it had shown where it goes on, typed lines included', async () => {
    await stopped()
    expect(text((await readScreen(store, 'talk', 1))!)).toBe(screen)
    const again = await restore(store, 'talk', {}, { kinds: tty, stdin: 'three\n' })
    await again.session.done
    expect(again.host.stdoutText()).toBe(`${screen}<three>\n`)
  })

  test('shows it also where only the call log knows it', async () => {
    await stopped()
    expect(await removeVersions(store, 'talk')).toEqual([1])
    const again = await restore(store, 'talk', {}, { kinds: tty, stdin: 'three\n' })
    await again.session.done
    expect(again.host.stdoutText()).toBe(`${screen}<three>\n`)
  })

  test('shows nothing again where its output goes to a pipe', async () => {
    await stopped()
    const again = await restore(store, 'talk', {}, { stdin: 'three\n' })
    await again.session.done
    expect(again.host.stdoutText()).toBe('<three>\n')
  })
})

test('a screen keeps its last bytes and begins with a whole line', () => {
  const screen = new Screen(undefined, 16)
  for (let i = 0; i < 20; i++) screen.append(bytes(`line ${i}\n`))
  expect(text(screen.bytes())).toBe('line 19\n')
  screen.append(bytes('x'.repeat(40)))
  expect(text(screen.bytes())).toBe('x'.repeat(16))
  const whole = new Screen(bytes('first\nsecond'), 16)
  expect(text(whole.bytes())).toBe('first\nsecond')
})

test('a screen is bounded by what an image may hold', () => {
  const screen = new Screen()
  screen.append(new Uint8Array(3 * maxScreen).fill(65))
  expect(screen.bytes().length).toBe(maxScreen)
})

test('the last lines are those that a terminal of so many rows shows', () => {
  expect(text(lastLines(bytes('a\nb\nc\n> '), 2))).toBe('c\n> ')
  expect(text(lastLines(bytes('a\nb'), 5))).toBe('a\nb')
  expect(text(lastLines(bytes('a\nb'), 0))).toBe('')
})
