// Directories of the private file system follow their session: at checkpoints, when the tab is hidden, and at the end.
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../programs/programs.ts'
import { titled } from '../support/titled.ts'
import { browserNames, launchBrowser, openPage, visit, withoutBrowser } from './browsers.ts'
import { call } from './drive.ts'
import { serve, type TestServer } from './server.ts'

const lua = program('lua')

/** Writes each line into a file of the directory, replaces another one, and says so. */
const script = `
for line in io.lines() do
  local f = io.open("/notes/" .. line .. ".txt", "w") f:write(line) f:close()
  local last = io.open("/notes/last.txt", "w") last:write(line) last:close()
  if line == "two" then os.remove("/notes/one.txt") end
  print("wrote " .. line)
end`

describe.each(browserNames)('%s', (name) => {
  const reason = withoutBrowser(name) ?? lua.reason
  let browser: Browser
  let server: TestServer
  let page: Page
  beforeAll(async () => {
    if (reason !== undefined) return
    server = await serve({ isolated: true })
    browser = await launchBrowser(name)
    page = await openPage(browser, server.url)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const files = () =>
    page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('notes', { create: true })
      const found: Record<string, string> = {}
      for await (const [file, entry] of folder as unknown as AsyncIterable<[string, FileSystemFileHandle]>)
        if (!file.endsWith('.crswap')) found[file] = await (await entry.getFile()).text()
      return found
    })
  const becomes = async (wanted: Record<string, string>) => {
    for (let tries = 0; tries < 100; tries++) {
      // While a file is being written Firefox does not list its directory.
      const found = await files().catch(() => ({}))
      if (JSON.stringify(Object.entries(found).sort()) === JSON.stringify(Object.entries(wanted).sort())) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await files()).toEqual(wanted)
  }
  const write = async (line: string) => {
    await call(page, 'type', 'notes', `${line}\n`)
    await call(page, 'until', 'notes', `wrote ${line}\n`)
  }

  test.skipIf(reason !== undefined)(
    titled('a directory is what the session has at its checkpoints, and when the tab is hidden', reason),
    async () => {
      const mounts = [{ guest: '/notes', opfs: 'notes' }]
      await call(page, 'lua', 'notes', lua.path, ['lua', '-e', script], mounts)
      await write('one')
      expect(await files()).toEqual({})
      await call(page, 'checkpoint', 'notes')
      await becomes({ 'one.txt': 'one', 'last.txt': 'one' })

      await write('two')
      expect(await files()).toEqual({ 'one.txt': 'one', 'last.txt': 'one' })
      await page.evaluate(() => {
        Object.defineProperty(document, 'visibilityState', { value: 'hidden' })
        document.dispatchEvent(new Event('visibilitychange'))
      })
      await becomes({ 'two.txt': 'two', 'last.txt': 'two' })

      // What came after the checkpoint is in the session, and in the directory when there is another one.
      await write('three')
      await visit(page, server.url)
      await call(page, 'lua', 'notes', '', [], mounts)
      expect(await files()).toEqual({ 'two.txt': 'two', 'last.txt': 'two' })
      await call(page, 'checkpoint', 'notes')
      await becomes({ 'two.txt': 'two', 'three.txt': 'three', 'last.txt': 'three' })

      await write('four')
      await call(page, 'endInput', 'notes')
      expect(await call(page, 'done', 'notes')).toMatchObject({ kind: 'exited', code: 0 })
      expect(await files()).toEqual({ 'two.txt': 'two', 'three.txt': 'three', 'four.txt': 'four', 'last.txt': 'four' })
    },
  )
})
