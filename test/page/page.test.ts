// The page in real browsers: started from the gallery, typed to, frozen, reloaded, taken over, on a phone.

import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserNames, withoutBrowser } from '../browser/browsers.ts'
import { program } from '../programs/programs.ts'
import { titled } from '../support/titled.ts'
import { openWorld, Tab, type World } from './pages.ts'

const withoutLua = program('lua-eh').reason

describe.each(browserNames)('the page in %s', (name) => {
  const missing = withoutBrowser(name)
  const reason = missing ?? withoutLua
  let world: World
  beforeAll(async () => {
    if (missing === undefined) world = await openWorld(name)
  }, 60_000)
  afterAll(async () => world?.close())

  const inBrowser = (title: string, run: () => Promise<void>) =>
    test.skipIf(reason !== undefined)(titled(title, reason), run, 60_000)

  inBrowser('a program starts with one click, is typed to, and goes on after a reload', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.line('x = 40')
    await tab.line('print("one", x)')
    await tab.shows('one     40')
    await tab.click('Checkpoint')
    await tab.waitForText('1 checkpoint,')
    await tab.line('x = x + 2')
    await tab.line('print("two", x)')
    await tab.shows('two     42')
    const before = await tab.screen()

    await tab.page.reload()
    await tab.state('Running')
    await tab.shows('two     42')
    expect(await tab.screen()).toBe(before)
    await tab.line('print("three", x + 1)')
    await tab.shows('three   43')
    expect(tab.errors).toEqual([])
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('it is paused, stays so over a reload, and is resumed', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.line('y = "kept"')
    await tab.click('Pause')
    await tab.state('Paused')
    await tab.page.reload()
    await tab.state('Paused')
    await tab.shows('y = "kept"')
    await tab.click('Resume here')
    await tab.state('Running')
    await tab.line('print(y .. "!")')
    await tab.shows('kept!')
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('a second tab says that it runs elsewhere, takes it over, and the first one says so', async () => {
    const first = await Tab.open(world)
    await first.startProgram('lua')
    await first.shows('PUC-Rio')
    await first.line('z = 7')
    await first.click('Checkpoint')
    await first.waitForText('1 checkpoint,')
    const address = await first.page.evaluate(() => location.hash)

    const second = await Tab.open(world, address)
    await second.waitForText('This session runs in another tab')
    await second.click('Resume here')
    await second.state('Running')
    await second.page.bringToFront()
    await second.line('print("z is", z)')
    await second.shows('z is    7')
    await first.waitForText('Handed over to another tab')
    await first.state('Handed over')

    // And back.
    await first.page.bringToFront()
    await first.click('Resume here')
    await first.state('Running')
    await first.shows('z is    7')
    await second.waitForText('Handed over to another tab')
    await first.click('End')
    await first.page.close()
    await second.page.close()
  })

  inBrowser('a fork goes its own way from a checkpoint', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.line('n = 1')
    await tab.click('Fork')
    await tab.waitForText('is a session of its own')
    const fork = await tab.page.evaluate(
      () =>
        document
          .querySelector('stasis-session')!
          .shadowRoot!.querySelector('.notice strong')!
          .textContent!.split(' ')[0]!,
    )
    await tab.line('n = 2')
    const other = await Tab.open(world, `#${fork}`)
    await other.state('Running')
    await other.page.bringToFront()
    await other.line('print("n", n)')
    await other.shows('n       1')
    await other.click('End')
    await tab.click('End')
    await other.page.close()
    await tab.page.close()
  })

  inBrowser('Ctrl-C says what it does here, and ends the program when it is insisted on', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.page.keyboard.down('Control')
    await tab.page.keyboard.press('c')
    await tab.page.keyboard.up('Control')
    await tab.waitForText('WASI programs receive no signals')
    await tab.page.keyboard.down('Control')
    await tab.page.keyboard.press('c')
    await tab.page.keyboard.up('Control')
    await tab.state('Ended with code 130')
    await tab.page.close()
  })

  inBrowser('Ctrl-D ends the input', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.page.keyboard.down('Control')
    await tab.page.keyboard.press('d')
    await tab.page.keyboard.up('Control')
    await tab.state('Ended with code 0')
    await tab.page.close()
  })

  inBrowser('on a phone nothing is wider than the screen', async () => {
    const tab = await Tab.open(world, '', { width: 375, height: 740 })
    await tab.page.waitForSelector('[data-program="lua"]')
    const overflow = () => tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(await overflow()).toBeLessThanOrEqual(0)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.click('Checkpoint')
    await tab.waitForText('1 checkpoint,')
    expect(await overflow()).toBeLessThanOrEqual(0)
    const wide = await tab.page.evaluate(() => {
      const buttons = [...document.querySelector('stasis-session')!.shadowRoot!.querySelectorAll('.bar button')]
      return buttons.filter((button) => button.getBoundingClientRect().right > innerWidth).map((one) => one.textContent)
    })
    expect(wide).toEqual([])
    const [textEnd, scrollbar] = await tab.page.evaluate(() => {
      const root = document.querySelector('stasis-session')!.shadowRoot!
      const box = (name: string) => root.querySelector(name)!.getBoundingClientRect()
      return [box('.xterm-screen').right, box('.scrollbar.vertical').left]
    })
    expect(textEnd).toBeLessThanOrEqual(scrollbar!)
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('it is sent to a new tab, which goes on with it at once', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.line('w = 5 print(w)')
    await tab.shows('\n5')
    const before = new Set(await world.browser.pages())
    await tab.click('Send to…')
    await tab.click('New tab')
    let opened: Page | undefined
    for (let tries = 0; opened === undefined && tries < 100; tries++) {
      opened = (await world.browser.pages()).find((page) => !before.has(page))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const other = Tab.of(opened!)
    await other.state('Running')
    await tab.state('Handed over')
    await other.page.bringToFront()
    await other.line('print("w is", w)')
    await other.shows('w is    5')
    await other.click('End')
    await other.page.close()
    await tab.page.close()
  })

  inBrowser('it is used by the keyboard alone', async () => {
    const tab = await Tab.open(world)
    await tab.page.waitForSelector('[data-program="lua"]')
    const focused = () =>
      tab.page.evaluate(() => {
        const active = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement
        return active?.getAttribute('aria-label') ?? active?.textContent ?? ''
      })
    // The first program is two steps from the page's beginning: its name, then the list.
    await tab.page.keyboard.press('Tab')
    await tab.page.keyboard.press('Tab')
    expect(await focused()).toContain('Lua')
    await tab.page.keyboard.press('Enter')
    await tab.state('Running')
    await tab.shows('PUC-Rio')
    expect(await focused()).toContain('Terminal input')
    await tab.line('k = 1')
    await tab.page.keyboard.down('Shift')
    await tab.page.keyboard.press('Tab')
    await tab.page.keyboard.up('Shift')
    expect(await focused()).not.toContain('Terminal input')
    const names: string[] = []
    for (let steps = 0; steps < 12 && !names.includes('Checkpoint'); steps++) {
      names.push(await focused())
      await tab.page.keyboard.down('Shift')
      await tab.page.keyboard.press('Tab')
      await tab.page.keyboard.up('Shift')
    }
    expect(names).toEqual(expect.arrayContaining(['End', 'Send to…', 'Fork', 'Pause', 'Checkpoint']))
    await tab.click('End')
    await tab.page.close()
  })
})
