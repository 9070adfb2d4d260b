// The store suite in real browsers, and what a page does where its store is full.
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { titled } from '../support/titled.ts'
import { browserNames, launchBrowser, openPage, withoutBrowser } from './browsers.ts'
import { call } from './drive.ts'
import { dripper } from './guests.ts'
import { serve, type TestServer } from './server.ts'

describe.each(browserNames)('%s', (browserName) => {
  const missing = withoutBrowser(browserName)
  const ofBrowser = (title: string) => titled(title, missing)
  let browser: Browser
  let server: TestServer
  let page: Page
  beforeAll(async () => {
    if (missing !== undefined) return
    ;[browser, server] = await Promise.all([launchBrowser(browserName), serve({ isolated: true })])
    server.passed.set('dripper.wasm', dripper())
    page = await openPage(browser, server.url)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  test.skipIf(missing !== undefined)(ofBrowser('IndexedDB passes the store suite'), async () => {
    const results = await call(page, 'storeSuite')
    expect(Object.keys(results).length).toBeGreaterThan(10)
    expect(Object.entries(results).filter(([, problem]) => problem !== '')).toEqual([])
  })

  test.skipIf(missing !== undefined)(
    ofBrowser('where the store is full output waits, earlier versions stay, and it goes on when there is room'),
    async () => {
      await call(page, 'run', { name: 'full', module: '/passed/dripper.wasm', stdin: 'typed', options: { keep: true } })
      await call(page, 'type', 'full', 'a')
      await call(page, 'until', 'full', 'a')
      const { version } = await call(page, 'checkpoint', 'full')
      await call(page, 'setFull', true)
      await call(page, 'type', 'full', 'bc')
      await expect(call(page, 'checkpoint', 'full')).rejects.toThrow('full')
      await page.waitForFunction(() =>
        (globalThis as unknown as { driver: typeof import('./page/driver.ts').driver }).driver
          .events('full')
          .some(({ kind }) => kind === 'logFull'),
      )
      expect(await call(page, 'seen', 'full')).toBe('a')
      await call(page, 'setFull', false)
      await call(page, 'until', 'full', 'abc')
      await call(page, 'endInput', 'full')
      expect(await call(page, 'done', 'full')).toMatchObject({ kind: 'exited', code: 0 })
      await call(page, 'run', { name: 'earlier', address: `full@${version}`, stdin: 'z' })
      await call(page, 'done', 'earlier')
      expect(await call(page, 'seen', 'earlier')).toBe('z')
    },
  )
})
