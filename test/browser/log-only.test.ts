// Programs in a page whose stack cannot be captured: of modules that the pre-linker refuses, and too deep in recursion.
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { gcGuest } from '../support/gc-guest.ts'
import { titled } from '../support/titled.ts'
import { browserNames, launchBrowser, openPage, visit, withoutBrowser } from './browsers.ts'
import { call } from './drive.ts'
import { deepReader, sleeper } from './guests.ts'
import { serve, type TestServer } from './server.ts'

for (const browserName of browserNames) {
  const missing = withoutBrowser(browserName)
  const title = titled(browserName, missing)
  describe.skipIf(missing !== undefined)(title, () => {
    let browser: Browser
    const servers: TestServer[] = []
    let page: Page
    let names = 0
    let name: string
    beforeAll(async () => {
      browser = await launchBrowser(browserName)
      for (const isolated of [true, false]) {
        const server = await serve({ isolated })
        server.passed.set('gc.wasm', gcGuest())
        server.passed.set('deep.wasm', deepReader())
        server.passed.set('sleeper.wasm', sleeper())
        servers.push(server)
      }
    })
    afterAll(async () => {
      await browser?.close()
      for (const server of servers) await server.close()
    })
    beforeEach(() => {
      name = `${browserName}-${++names}`
    })
    afterEach(() => page.close())

    test('a module that the pre-linker refuses runs, which is told, and goes on by its log', async () => {
      page = await openPage(browser, servers[0]!.url)
      await call(page, 'run', { name, module: '/passed/gc.wasm', stdin: 'typed' })
      const engine = (await call(page, 'events', name)).find(({ kind }) => kind === 'engine')
      expect(engine).toMatchObject({ engine: 'log-only', reason: expect.stringContaining('garbage collection') })
      await call(page, 'type', name, 'ab')
      await call(page, 'until', name, 'ab')
      await expect(call(page, 'checkpoint', name)).rejects.toThrow('log')
      // The log needs the module, which is kept when a program has run for a while.
      await page.waitForFunction(async () =>
        (await (globalThis as unknown as { driver: typeof import('./page/driver.ts').driver }).driver.blobs()).some(
          (blob) => blob.startsWith('modules/'),
        ),
      )
      await visit(page, servers[0]!.url)
      await call(page, 'run', { name, stdin: 'typed' })
      await call(page, 'type', name, 'c')
      // The last output may be seen twice.
      expect(await call(page, 'until', name, 'c')).toMatch(/^b?c$/)
      await call(page, 'endInput', name)
      expect(await call(page, 'done', name)).toMatchObject({ kind: 'exited', code: 3 })
    })

    test.each([
      ['whose module the pre-linker refuses', '/passed/gc.wasm', {}],
      ['for which the log-only engine was asked', '/passed/gc.wasm', { engine: 'log-only' as const }],
      ['that is too deep in recursion', '/passed/deep.wasm', {}],
    ])('without isolation headers a program %s cannot wait for input', async (_, module, options) => {
      page = await openPage(browser, servers[1]!.url)
      await call(page, 'run', { name, module, stdin: 'typed', options })
      const outcome = await call(page, 'done', name)
      expect(outcome).toMatchObject({ kind: 'trapped', error: expect.stringContaining('waits for input at a place') })
      expect(outcome).toMatchObject({ error: expect.stringContaining('Cross-Origin-Opener-Policy: same-origin') })
    })

    test('without isolation headers one that was given its input whole runs to its end', async () => {
      page = await openPage(browser, servers[1]!.url)
      await call(page, 'run', { name, module: '/passed/gc.wasm', stdin: 'abc' })
      expect(await call(page, 'done', name)).toMatchObject({ kind: 'exited', code: 3 })
      expect(await call(page, 'seen', name)).toBe('abc')
    })

    test('without isolation headers it sleeps by looking at the clock', async () => {
      page = await openPage(browser, servers[1]!.url)
      const began = performance.now()
      await call(page, 'run', { name, module: '/passed/sleeper.wasm', options: { engine: 'log-only' } })
      expect(await call(page, 'done', name)).toMatchObject({ kind: 'exited', code: 3 })
      expect(performance.now() - began).toBeGreaterThan(690)
    })
  })
}
