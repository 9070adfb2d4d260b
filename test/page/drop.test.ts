// Files dragged onto the page: a program, a session, and a file for the program.
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BrowserName, browserNames, withoutBrowser } from '../browser/browsers.ts'
import { program } from '../programs/programs.ts'
import { titled } from '../support/titled.ts'
import { openWorld, Tab, type World } from './pages.ts'
import { saveSessionTo } from './saved-session.ts'

const lua = program('lua-eh')

/** Drags a file from outside over the middle of the page and lets go of it. */
async function drop({ page }: Tab, name: BrowserName, path: string): Promise<void> {
  if (name === 'chromium') {
    const cdp = await page.createCDPSession()
    const data = { items: [], files: [path], dragOperationsMask: 1 }
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      await cdp.send('Input.dispatchDragEvent', { type, x: 400, y: 300, data })
      if (type === 'dragOver') expect(await isHintShown(page)).toBe(true)
    }
    await cdp.detach()
  } else {
    const bytes = [...readFileSync(path)]
    await page.evaluate(
      (name, bytes) => {
        const data = new DataTransfer()
        data.items.add(new File([Uint8Array.from(bytes)], name))
        const target = document.elementFromPoint(400, 300)!
        for (const type of ['dragenter', 'dragover', 'drop']) {
          const event = new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true, composed: true })
          const isTaken = !target.dispatchEvent(event)
          // What nobody takes the browser would open in the page's place.
          if (type !== 'dragenter' && !isTaken) throw new Error(`${type} was left to the browser`)
        }
      },
      path.split('/').at(-1)!,
      bytes,
    )
  }
  // Chromium's drop is an event of its own time.
  await expect.poll(() => isHintShown(page)).toBe(false)
}

const isHintShown = (page: Tab['page']) =>
  page.evaluate(() => document.querySelector('.drop-page')?.checkVisibility() ?? false)

describe.each(browserNames)('dragged onto the page in %s', (name) => {
  const missing = withoutBrowser(name)
  const reason = missing ?? lua.reason
  let world: World
  beforeAll(async () => {
    if (missing === undefined) world = await openWorld(name)
  }, 120_000)
  afterAll(async () => world?.close())

  const inBrowser = (title: string, run: () => Promise<void>) =>
    test.skipIf(reason !== undefined)(titled(title, reason), run, 60_000)
  const fileOf = (fileName: string, content: string) => {
    const path = join(tmpdir(), `${process.pid}-${fileName}`)
    writeFileSync(path, content)
    return path
  }

  inBrowser('a program and a file for it are run together', async () => {
    const tab = await Tab.open(world)
    await tab.page.waitForSelector('.own')
    await drop(tab, name, lua.path)
    await tab.waitForText(lua.path.split('/').at(-1)!)
    const script = fileOf('dropped.lua', 'print("from a dropped file") io.read()')
    await drop(tab, name, script)
    await tab.waitForText('dropped.lua')
    await tab.page.type('.own input.mono', `/${script.split('/').at(-1)}`)
    await tab.click('Run')
    await tab.state('Running')
    await tab.shows('from a dropped file')
    expect(tab.errors).toEqual([])
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('a file is put into the session that is shown, which goes on', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.line('x = 6')
    const note = fileOf('note.txt', 'forty-two')
    await drop(tab, name, note)
    await tab.waitForText('is in its root directory now')
    await tab.state('Running')
    await tab.line(`print(x, io.open("/${note.split('/').at(-1)}"):read("a"))`)
    await tab.shows('6       forty-two')
    expect(tab.errors).toEqual([])
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('a saved session is opened from the page of another one, and goes on', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    const file = join(tmpdir(), `stasis-page-${process.pid}-dropped.stasis`)
    await saveSessionTo(file, lua.path)
    await drop(tab, name, file)
    await tab.shows('begun')
    await tab.state('Running')
    await tab.type('\n')
    await tab.shows('sum     42')
    await tab.state('Ended with code 0')
    expect(tab.errors).toEqual([])
    await tab.page.close()
  })
})
