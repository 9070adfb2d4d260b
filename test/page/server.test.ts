// From the page to `stasis serve`, where it runs on, and back; and from a terminal into the page.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserNames, launchBrowser, withoutBrowser } from '../browser/browsers.ts'
import { program } from '../programs/programs.ts'
import { hasTerminal, onTerminal } from '../support/terminal.ts'
import { titled } from '../support/titled.ts'
import { buildPage, root, Tab, type World } from './pages.ts'

const lua = program('lua-eh')
const cpython = program('cpython')
const command = join(root, 'dist/cli.js')

describe.each(browserNames)('the page of stasis serve in %s', (name) => {
  const missing = withoutBrowser(name)
  let directory: string
  let store: string
  let server: ChildProcess
  let world: World

  beforeAll(async () => {
    if (missing !== undefined || !lua.available) return
    buildPage()
    directory = mkdtempSync(join(tmpdir(), 'stasis-page-'))
    store = `file:${join(directory, '.stasis')}`
    const words = [command, 'serve', '--port', '0', '--json', '--store', store]
    server = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'], cwd: directory })
    const [line] = (await createInterface({ input: server.stdout! })[Symbol.asyncIterator]().next()).value.split('\n')
    const { url } = JSON.parse(line) as { url: string }
    const browser = await launchBrowser(name)
    world = { browser, url: `${url}/`, close: () => browser.close() }
  }, 120_000)

  afterAll(async () => {
    await world?.close()
    server?.kill()
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  })

  const sessions = async () => {
    const response = await fetch(`${world.url}api/sessions`)
    return ((await response.json()) as { sessions: { name: string; running: string | null; state: string }[] }).sessions
  }

  const inBrowser = (title: string, run: () => Promise<void>) =>
    test.skipIf(missing !== undefined || !lua.available)(titled(title, missing ?? lua.reason), run, 60_000)

  inBrowser('a session is sent to the server, runs on there, and comes back', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.line('x = 41')
    await tab.click('Send to…')
    await tab.click('Send')
    await tab.state('Handed over')
    await tab.waitForText(`Handed over to ${world.url.slice(0, -1)}`)
    expect((await sessions()).find((one) => one.name === 'lua')).toMatchObject({ running: 'here', state: 'owned' })

    // It stays away over a reload.
    await tab.page.reload()
    await tab.state('Handed over')
    await tab.click('Resume here')
    await tab.state('Running')
    await tab.line('print("back", x + 1)')
    await tab.shows('back    42')
    expect((await sessions()).find((one) => one.name === 'lua')).toMatchObject({ running: null, state: 'moved' })
    expect(tab.errors).toEqual([])
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('a session from a terminal is resumed in the page, with what it had shown', async () => {
    const script = 'n = 20 io.write("from a terminal\\n") io.read() print(n + 2)'
    const words = ['run', '--store', store, '--name', 'calc', '--snapshot-on', 'first-stdin', '--stop-after-snapshot']
    try {
      execFileSync(process.execPath, [command, ...words, lua.path, '-e', script], { stdio: 'ignore', cwd: directory })
    } catch (error) {
      expect((error as { status: number }).status).toBe(75)
    }
    const tab = await Tab.open(world)
    await tab.waitForText('Sessions on this server')
    await tab.page.evaluate(async () => {
      const find = () => document.querySelector<HTMLButtonElement>('[aria-label="Resume calc here"]')
      while (find() === null) await new Promise((resolve) => setTimeout(resolve, 50))
      find()?.click()
    })
    await tab.state('Running')
    await tab.type('\n')
    await tab.shows('22')
    await tab.state('Ended with code 0')
    expect(tab.errors).toEqual([])
    await tab.page.close()
  })

  test.skipIf(missing !== undefined || !hasTerminal || !cpython.available)(
    titled(
      'CPython goes from a terminal to the page, over a reload, to the server, and back to a terminal',
      missing ?? cpython.reason ?? (hasTerminal ? undefined : 'there is no program to make a terminal'),
    ),
    async () => {
      const begun = await onTerminal(
        directory,
        ['run', '--store', store, '--name', 'py', cpython.path, '-q'],
        [
          ['>>> ', 'total = sum(range(1000000))\n'],
          ['000))\r\n>>> ', '\x1a'],
        ],
      )
      expect(begun).toContain('Resume with')

      const tab = await Tab.open(world)
      await tab.page.waitForSelector('[aria-label="Resume py here"]')
      await tab.page.click('[aria-label="Resume py here"]')
      await tab.state('Running')
      await tab.shows('>>> total = sum(range(1000000))')
      await tab.line('half = total // 2 ; print("half", half)')
      await tab.shows('half 249999750000')
      await tab.page.reload()
      await tab.state('Running')
      await tab.shows('half 249999750000')
      await tab.line('print("twice", half * 2 == total)')
      await tab.shows('twice True')
      await tab.click('Send to…')
      await tab.click('Send')
      await tab.state('Handed over')
      await tab.page.close()
      expect((await sessions()).find((one) => one.name === 'py')).toMatchObject({ running: 'here', state: 'owned' })

      await onTerminal(directory, ['checkpoint', 'py', '--stop', '--store', store], [])
      const ended = await onTerminal(
        directory,
        ['restore', 'py', '--store', store],
        [
          ['twice True\r\n>>> ', 'print("end", total, half)\n'],
          ['end 499999500000', '\x04'],
        ],
      )
      // All that was typed and shown on the way is there.
      expect(ended).toContain('total = sum(range(1000000))')
      expect(ended).toContain('half 249999750000')
      expect(ended).toContain('end 499999500000 249999750000')
    },
    90_000,
  )
})
