// A tab that runs a session and does not answer: another one takes the session over, and the first cannot change it any more.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserNames, insecureHost, withoutBrowser } from '../browser/browsers.ts'
import { program } from '../programs/programs.ts'
import { titled } from '../support/titled.ts'
import { openWorld, Tab, type World } from './pages.ts'

/** Else Firefox runs both tabs in one thread, which hangs as a whole. */
const ownProcesses = { 'dom.ipc.processCount.webIsolated': 4, 'dom.ipc.processCount.webCOOP+COEP': 4 }

const withoutLua = program('lua-eh').reason

describe.each(browserNames)('taking over in %s', (name) => {
  const missing = withoutBrowser(name)
  const reason = missing ?? withoutLua
  let world: World
  beforeAll(async () => {
    if (missing === undefined) world = await openWorld(name, true, ownProcesses)
  }, 120_000)
  afterAll(async () => world?.close())

  test.skipIf(reason !== undefined)(
    titled('a tab that hangs loses its session to another one, and says so when it goes on', reason),
    { timeout: 120_000 },
    async () => {
      const first = await Tab.open(world)
      await first.startProgram('lua')
      await first.shows('PUC-Rio')
      await first.line('x = 40')
      await first.line('print("kept", x)')
      await first.shows('kept    40')
      const address = await first.page.evaluate(() => location.hash)
      const second = await Tab.open(world)
      // What is typed while the tab hangs reaches its program when it goes on, and must not reach the session.
      const hanging = first.page.evaluate(() => {
        const { view } = document.querySelector('stasis-session') as unknown as {
          view: { controller: { give(bytes: Uint8Array): void } }
        }
        view.controller.give(new TextEncoder().encode('x = 0\n'))
        for (const end = performance.now() + 14_000; performance.now() < end; );
      })
      await second.page.bringToFront()
      await second.page.evaluate((hash) => {
        location.hash = hash
      }, address)
      await second.waitForText('This session runs in another tab')
      await second.click('Resume here')
      await second.waitForText('The other tab does not answer')
      await second.click('Take it over')
      await second.state('Running')
      await second.line('x = x + 2')
      await second.line('print("x is", x)')
      await second.shows('x is    42')
      await hanging
      await first.waitForText('Taken over by another tab')
      await first.state('Running')
      await first.waitForText('in another tab')
      // And back: what the first tab had in its hands has changed nothing.
      await second.line('x = x + 1')
      await second.line('print("now", x)')
      await second.shows('now     43')
      await first.page.bringToFront()
      await first.click('Resume here')
      await second.state('Handed over')
      await first.state('Running')
      await first.line('print("back with", x)')
      await first.shows('back with       43')
      await first.click('End')
      await first.page.close()
      await second.page.close()
    },
  )

  test.skipIf(reason !== undefined)(
    titled('where the browser has no locks, the tab that comes last has the session, and the first says so', reason),
    { timeout: 60_000 },
    async () => {
      const insecure = { ...world, url: world.url.replace('127.0.0.1', insecureHost) }
      const first = await Tab.open(insecure)
      expect(await first.page.evaluate(() => [isSecureContext, 'locks' in navigator])).toEqual([false, false])
      await first.startProgram('lua')
      await first.waitForText('This page is not in a secure context')
      await first.line('x = 1')
      await first.line('print("x", x)')
      await first.shows('x       1')
      const address = await first.page.evaluate(() => location.hash)
      const second = await Tab.open(insecure, address)
      await second.state('Running')
      await second.shows('x       1')
      await first.waitForText('Taken over by another tab')
      await second.page.bringToFront()
      await second.line('print("still", x)')
      await second.shows('still   1')
      expect({ first: first.errors, second: second.errors }).toEqual({ first: [], second: [] })
      await second.click('End')
      await first.page.close()
      await second.page.close()
    },
  )
})
