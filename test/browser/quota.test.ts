// The browser gives the page no more room: by the browser's own quota, and not by a store that pretends to be full.
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { titled } from '../support/titled.ts'
import { type BrowserName, browserNames, launchBrowser, openPage, withoutBrowser } from './browsers.ts'
import { call } from './drive.ts'
import { dripper } from './guests.ts'
import { serve, type TestServer } from './server.ts'

/** Kilobytes for all pages, of which one gets a fifth, and never less than 10 MB. */
const prefs = { 'dom.quotaManager.temporaryStorage.fixedLimit': 51200 }

const chromiumQuota = 6 << 20

/** Fills a database of its own with noise, in ever smaller pieces. */
const fill = (page: Page) =>
  page.evaluate(async () => {
    const { driver } = globalThis as unknown as { driver: typeof import('./page/driver.ts').driver }
    const ballast = await driver.stasis.openStore('indexeddb:ballast')
    let number = 0
    for (let size = 1 << 20; size >= 256; size >>= 2) {
      for (let hasRoom = true; hasRoom && number < 1000; ) {
        const noise = new Uint8Array(size)
        for (let at = 0; at < size; at += 65536) crypto.getRandomValues(noise.subarray(at, at + 65536))
        const put = ballast.put(`b${number++}`, [noise])
        hasRoom = await put.then(
          () => true,
          () => false,
        )
      }
    }
  })

const removeNoise = (page: Page) =>
  page.evaluate(async () => {
    const { driver } = globalThis as unknown as { driver: typeof import('./page/driver.ts').driver }
    const ballast = await driver.stasis.openStore('indexeddb:ballast')
    for (const { name } of await ballast.list('')) await ballast.delete(name)
  })

async function manyCheckpoints(page: Page): Promise<void> {
  for (let tries = 0; tries < 200; tries++) await call(page, 'checkpoint', 'full')
}

describe.each(browserNames)('%s', (name: BrowserName) => {
  const missing = withoutBrowser(name)
  let browser: Browser
  let server: TestServer
  let page: Page
  /** Gives room again. */
  let free: () => Promise<unknown>
  beforeAll(async () => {
    if (missing !== undefined) return
    server = await serve({ isolated: true })
    server.passed.set('dripper.wasm', dripper())
    browser = await launchBrowser(name, undefined, prefs)
    page = await openPage(browser, server.url)
    free = () => removeNoise(page)
    if (name === 'firefox') return
    // Chromium's files shrink later: its quota is made larger again.
    const cdp = await page.createCDPSession()
    const { origin } = new URL(server.url)
    await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: chromiumQuota })
    free = () => cdp.send('Storage.overrideQuotaForOrigin', { origin })
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const title = titled(
    'where the quota is used up, versions stay, it is told what to do, and it goes on later',
    missing,
  )
  test.skipIf(missing !== undefined)(title, { timeout: 120_000 }, async () => {
    const run = { name: 'full', module: '/passed/dripper.wasm', stdin: 'typed', options: { keep: true } }
    await call(page, 'run', run)
    await call(page, 'type', 'full', 'a')
    await call(page, 'until', 'full', 'a')
    const { version } = await call(page, 'checkpoint', 'full')
    await fill(page)

    // What a write of a few bytes still finds room for is the browser's business.
    await expect(manyCheckpoints(page)).rejects.toThrow(/is full.*What was there before is intact. Remove/)
    let typed = 'a'
    const events = async () => (await call(page, 'events', 'full')).filter(({ kind }) => kind === 'logFull')
    for (let tries = 0; (await events()).length === 0 && tries < 200; tries++) {
      typed += 'b'
      await call(page, 'type', 'full', 'b')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect((await events())[0]).toEqual({ kind: 'logFull', waiting: true, reason: expect.stringContaining('is full') })
    typed += 'c'
    await call(page, 'type', 'full', 'c')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    // Firefox's database finds some bytes more when it has cleared up.
    if (name === 'chromium') expect(await call(page, 'seen', 'full')).not.toContain('c')

    await free()
    await call(page, 'until', 'full', typed, 60)
    expect((await events()).at(-1)).toMatchObject({ waiting: false })
    expect(await call(page, 'checkpoint', 'full')).toMatchObject({ session: 'full' })
    await call(page, 'endInput', 'full')
    expect(await call(page, 'done', 'full')).toMatchObject({ kind: 'exited', code: 0 })
    await call(page, 'run', { name: 'earlier', address: `full@${version}`, stdin: 'z' })
    await call(page, 'done', 'earlier')
    expect(await call(page, 'seen', 'earlier')).toBe('z')
  })
})
