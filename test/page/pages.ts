// Drives the built page in a real browser: what a person sees and clicks, by its words.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'puppeteer-core'
import { type BrowserName, launchBrowser } from '../browser/browsers.ts'
import { serve } from '../browser/server.ts'

export const root: string = fileURLToPath(new URL('../../', import.meta.url))

export interface World {
  readonly browser: Browser
  readonly url: string
  close(): Promise<void>
}

let isBuilt = false

/** `npm run web`, once. */
export function buildPage(): string {
  if (!isBuilt) execFileSync(process.execPath, ['scripts/web.mjs'], { cwd: root, stdio: 'ignore' })
  isBuilt = true
  return `${root}dist/web`
}

/** Builds the page once, serves it, and starts a browser; `prefs` are Firefox's. */
export async function openWorld(
  name: BrowserName,
  isolated = true,
  prefs: Readonly<Record<string, unknown>> = {},
): Promise<World> {
  buildPage()
  const server = await serve({ isolated })
  const browser = await launchBrowser(name, undefined, prefs)
  return {
    browser,
    url: `${server.url}dist/web/index.html`,
    close: async () => {
      await browser.close()
      await server.close()
    },
  }
}

/** A tab with the page, as a person uses it. */
export class Tab {
  readonly page: Page
  readonly errors: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.errors.push(String((error as Error).stack ?? error)))
  }

  /** A tab that the page has opened by itself. */
  static of(page: Page): Tab {
    return new Tab(page)
  }

  static async open(world: World, address = '', size = { width: 1280, height: 800 }): Promise<Tab> {
    const tab = new Tab(await world.browser.newPage())
    await tab.page.setViewport(size)
    await tab.page.goto(`${world.url}${address}`)
    return tab
  }

  async startProgram(id: string): Promise<void> {
    await this.page.waitForSelector(`[data-program="${id}"]`)
    await this.page.click(`[data-program="${id}"]`)
    await this.state('Running')
  }

  /** Waits until the session is in this state. */
  async state(text: string): Promise<void> {
    await this.waitFor(
      (wanted) => document.querySelector('stasis-session')?.shadowRoot?.querySelector('.state')?.textContent === wanted,
      text,
      `state "${text}"`,
    )
  }

  /** Waits until the terminal shows this. */
  async shows(text: string): Promise<void> {
    await this.waitFor(
      (wanted) => {
        const element = document.querySelector('stasis-session') as unknown as {
          view?: { terminal: { text(): string } }
        } | null
        return element?.view?.terminal.text().includes(wanted) ?? false
      },
      text,
      `"${text}" in the terminal`,
    )
  }

  async screen(): Promise<string> {
    return this.page.evaluate(() => {
      const element = document.querySelector('stasis-session') as unknown as { view: { terminal: { text(): string } } }
      return element.view.terminal.text()
    })
  }

  /** Types a line once the prompt is there, as a person would. */
  async line(text: string): Promise<void> {
    await this.waitFor(
      (wanted) => {
        const element = document.querySelector('stasis-session') as unknown as {
          view?: { terminal: { text(): string } }
        } | null
        return element?.view?.terminal.text().endsWith(wanted) ?? false
      },
      '>',
      'prompt',
    )
    await this.type(`${text}\n`)
  }

  /** Types, with the terminal in focus. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text, { delay: 2 })
  }

  /** Clicks a button by its words, as soon as it can be clicked. */
  async click(label: string): Promise<void> {
    await this.waitFor(
      (wanted) => {
        const roots = [document, document.querySelector('stasis-session')?.shadowRoot]
        const buttons = roots.flatMap((one) => [...(one?.querySelectorAll('button') ?? [])])
        const found = buttons.find((one) => one.textContent === wanted && one.checkVisibility() && !one.disabled)
        found?.click()
        return found !== undefined
      },
      label,
      `a button "${label}"`,
    )
  }

  async waitForText(text: string): Promise<void> {
    await this.waitFor(
      (wanted) => {
        const shadow = document.querySelector('stasis-session')?.shadowRoot?.textContent ?? ''
        return `${document.body.innerText}\n${shadow}`.includes(wanted)
      },
      text,
      `"${text}" on the page`,
    )
  }

  async marks(): Promise<number> {
    return this.page.evaluate(
      () => document.querySelector('stasis-session')?.shadowRoot?.querySelectorAll('.mark').length ?? 0,
    )
  }

  private async waitFor(look: (text: string) => boolean, text: string, what: string): Promise<void> {
    try {
      await this.page.waitForFunction(look, { timeout: 12_000, polling: 50 }, text)
    } catch (cause) {
      const seen = await this.page.evaluate(() => {
        const shadow = document.querySelector('stasis-session')?.shadowRoot
        const terminal = shadow?.querySelector('.xterm-rows')?.textContent ?? ''
        return `${document.body.innerText}\n${shadow?.querySelector('.bar')?.textContent ?? ''}\n${shadow?.querySelector('.notices')?.textContent ?? ''}\n${shadow?.querySelector('.veil')?.textContent ?? ''}\n${terminal}`
      })
      throw new Error(`No ${what} came. The page says:\n${seen}\n${this.errors.join('\n')}`, { cause })
    }
  }
}
