// The whole browser is killed (SIGKILL) while a program runs; started again with the same profile, it goes on by its log.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seeded } from '../support/seeded.ts'
import { titled } from '../support/titled.ts'
import { browserNames, launchBrowser, openPage, withoutBrowser } from './browsers.ts'
import { call } from './drive.ts'
import { counter, thinker } from './guests.ts'
import { serve, type TestServer } from './server.ts'

describe.each(browserNames)('%s', (browserName) => {
  const missing = withoutBrowser(browserName)
  const profile = mkdtempSync(join(tmpdir(), 'stasis-profile-'))
  let server: TestServer
  beforeAll(async () => {
    server = await serve({ isolated: true })
    server.passed.set('counter.wasm', counter(1_000_000))
    server.passed.set('thinker.wasm', thinker(8_000_000))
  })
  afterAll(async () => {
    await server.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })

  const open = async (): Promise<[Browser, Page]> => {
    const browser = await launchBrowser(browserName, profile)
    return [browser, await openPage(browser, server.url)]
  }

  const ofBrowser = (title: string) => titled(title, missing)
  const typedAhead = ofBrowser('a browser that is killed loses nothing that was typed ahead')
  test.skipIf(missing !== undefined)(typedAhead, { timeout: 120_000 }, async () => {
    let [browser, page] = await open()
    try {
      const run = { name: 'typed', stdin: 'typed', terminal: true }
      await call(page, 'run', { ...run, module: '/passed/thinker.wasm' })
      await call(page, 'type', 'typed', 'abc')
      await call(page, 'until', 'typed', '*')
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(await call(page, 'seen', 'typed')).toBe('*')
      browser.process()!.kill('SIGKILL')
      ;[browser, page] = await open()
      await call(page, 'run', run)
      await call(page, 'type', 'typed', '.')
      await call(page, 'done', 'typed')
      expect((await call(page, 'seen', 'typed')).split('=')[1]).toBe('abc.')
    } finally {
      await browser.close()
    }
  })

  const nothingSeen = ofBrowser('a browser that is killed loses nothing that was seen')
  test.skipIf(missing !== undefined)(nothingSeen, { timeout: 120_000 }, async () => {
    const random = seeded(7)
    const module = '/passed/counter.wasm'
    let [browser, page] = await open()
    try {
      await call(page, 'run', { name: 'whole', module })
      await call(page, 'done', 'whole')
      const whole = await call(page, 'seen', 'whole')
      const options = { maxRecovery: 100 }
      await call(page, 'run', { name: 'killed', module, options })
      let end = 0
      for (let life = 0; ; life++) {
        const isLast = life === 2
        if (isLast) await call(page, 'done', 'killed')
        else await new Promise((resolve) => setTimeout(resolve, 100 + random() * 400))
        const part = await call(page, 'seen', 'killed')
        // One may be seen twice, by the window of D9; and one may have come between the look and the kill before.
        const starts = [end - 1, end, end + 1].filter((start) => start >= 0 && whole.startsWith(part, start))
        expect({ part, whole, end, starts }).toMatchObject({ starts: expect.arrayContaining([expect.any(Number)]) })
        end = starts[0]! + part.length
        if (isLast) {
          expect(whole.endsWith(part)).toBe(true)
          break
        }
        browser.process()!.kill('SIGKILL')
        ;[browser, page] = await open()
        await call(page, 'run', { name: 'killed', options })
      }
    } finally {
      await browser.close()
    }
  })
})
