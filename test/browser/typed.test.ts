// What is typed while a program computes, and not read when its tab is closed, is read afterwards, once.
import type { Page } from 'puppeteer-core'
import { beforeEach, expect, test } from 'vitest'
import { visit } from './browsers.ts'
import { call } from './drive.ts'
import { thinker } from './guests.ts'
import { inBrowsers } from './in-browsers.ts'

inBrowsers(
  (server) => {
    server.passed.set('thinker.wasm', thinker(8_000_000))
  },
  (place) => {
    let page: Page
    let name: string
    beforeEach(() => {
      ;({ page, name } = place)
    })

    const start = () =>
      call(page, 'run', {
        name,
        module: '/passed/thinker.wasm',
        stdin: 'typed',
        terminal: true,
        options: { keep: true },
      })
    const goOn = () => call(page, 'run', { name, stdin: 'typed', terminal: true, options: { keep: true } })
    /** Waits until what was typed is accepted. */
    const accepted = async () => {
      for (let tries = 0; tries < 200; tries++) {
        if ((await call(page, 'blobs')).includes(`sessions/${name}/typed.cbor`)) break
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const reload = () => visit(page, place.server.url)
    /** What the program had read at its end. */
    const readAll = async () => {
      expect(await call(page, 'done', name)).toMatchObject({ kind: 'exited', code: 0 })
      return (await call(page, 'seen', name)).split('=')[1]
    }

    test('a line that was typed ahead comes after the tab was closed, once and in order', async () => {
      await start()
      await call(page, 'type', name, 'a')
      await call(page, 'until', name, '*')
      await call(page, 'type', name, 'b')
      await call(page, 'type', name, 'c')
      await accepted()
      expect(await call(page, 'seen', name)).toBe('*')
      await page.close()
      page = await place.open()
      await goOn()
      await call(page, 'type', name, 'd.')
      expect(await readAll()).toBe('abcd.')
    })

    test('what the log shows as read does not come again, however often the tab dies', async () => {
      await start()
      await call(page, 'type', name, 'abc')
      await call(page, 'until', name, '*')
      await reload()
      await goOn()
      await call(page, 'type', name, 'd')
      await call(page, 'until', name, '**')
      await reload()
      await goOn()
      await call(page, 'type', name, '.')
      expect(await readAll()).toBe('abcd.')
    })

    test('a checkpoint in between carries its part of it, and the rest comes behind', async () => {
      await start()
      await call(page, 'type', name, 'ab')
      await call(page, 'until', name, '*')
      await accepted()
      expect(await call(page, 'checkpoint', name)).toMatchObject({ version: 1 })
      await call(page, 'type', name, 'c')
      await accepted()
      expect(await call(page, 'seen', name)).toBe('*')
      await reload()
      await goOn()
      await call(page, 'until', name, '**')
      await call(page, 'checkpoint', name, { stop: true })
      expect(await call(page, 'blobs')).not.toContain(`sessions/${name}/typed.cbor`)
      await goOn()
      await call(page, 'type', name, 'd.')
      expect(await readAll()).toBe('abcd.')
    })
  },
)
