import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest'
import { titled } from '../support/titled.ts'
import { type BrowserName, browserNames, launchBrowser, openPage, withoutBrowser } from './browsers.ts'
import { serve, type TestServer } from './server.ts'

/** Where a test runs: a page of its own, and a name for its session. */
export interface Place {
  readonly browserName: BrowserName
  readonly isolated: boolean
  server: TestServer
  page: Page
  name: string
  /** Another page instead, after that one was closed. */
  open(): Promise<Page>
}

const ways = [
  ['isolated', true],
  ['without isolation headers', false],
] as const

/**
 * Describes the tests in each browser, with and without isolation headers. `prepare` puts what they need on the server.
 * Skipped, with the reason in the title, where a browser or what `reason` tells of is missing.
 */
export function inBrowsers(
  prepare: (server: TestServer) => void,
  tests: (place: Place) => void,
  reason?: string,
): void {
  for (const browserName of browserNames) {
    const missing = withoutBrowser(browserName) ?? reason
    describe.skipIf(missing !== undefined)(titled(browserName, missing), () => {
      let browser: Browser
      beforeAll(async () => {
        browser = await launchBrowser(browserName)
      })
      afterAll(() => browser?.close())

      describe.each(ways)('%s', (_, isolated) => {
        // Filled in before the first test.
        const place = { browserName, isolated } as Place
        place.open = async () => {
          place.page = await openPage(browser, place.server.url)
          return place.page
        }
        let names = 0
        beforeAll(async () => {
          place.server = await serve({ isolated })
          prepare(place.server)
        })
        afterAll(() => place.server.close())
        beforeEach(async () => {
          await place.open()
          place.name = `${browserName}-${++names}`
        })
        afterEach(() => place.page.close())
        tests(place)
      })
    })
  }
}
