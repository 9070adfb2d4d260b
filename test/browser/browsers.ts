// The browsers of this machine (Debian's packages), driven by puppeteer-core.
import { existsSync } from 'node:fs'
import { type Browser, launch, type Page } from 'puppeteer-core'

export type BrowserName = 'chromium' | 'firefox'

const paths: Readonly<Record<BrowserName, string>> = {
  chromium: '/usr/bin/chromium',
  firefox: '/usr/bin/firefox-esr',
}

export const browserNames: readonly BrowserName[] = ['chromium', 'firefox']

/** Why a browser's tests cannot run here; undefined where they can. */
export function withoutBrowser(name: BrowserName): string | undefined {
  return existsSync(paths[name]) ? undefined : `${paths[name]} is not installed`
}

/** A host name of this machine whose pages are no secure context. */
export const insecureHost = 'stasis.test'

/** `prefs`: of Firefox, beside its own. */
export function launchBrowser(
  name: BrowserName,
  profile?: string,
  prefs: Readonly<Record<string, unknown>> = {},
): Promise<Browser> {
  const executablePath = paths[name]
  const common = { executablePath, protocolTimeout: 300_000, ...(profile !== undefined && { userDataDir: profile }) }
  if (name === 'firefox')
    return launch({
      ...common,
      browser: 'firefox',
      extraPrefsFirefox: { 'network.dns.localDomains': insecureHost, ...prefs },
    })
  return launch({
    ...common,
    browser: 'chrome',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      `--host-resolver-rules=MAP ${insecureHost} 127.0.0.1`,
    ],
  })
}

/** A page in which `driver` is there; what goes wrong in it is shown. */
export async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage()
  page.on('pageerror', (error) => process.stderr.write(`page: ${String((error as Error).stack ?? error)}\n`))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/favicon|404/.test(message.text()))
      process.stderr.write(`page: ${message.text()}\n`)
  })
  await visit(page, url)
  return page
}

export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction(() => 'driver' in globalThis)
}
