// The page without isolation headers, the element in another page, and files that are chosen.

import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { browserNames, withoutBrowser } from '../browser/browsers.ts'
import { program } from '../programs/programs.ts'
import { titled } from '../support/titled.ts'
import { openWorld, Tab, type World } from './pages.ts'
import { saveSessionTo } from './saved-session.ts'

const lua = program('lua-eh')

describe.each(browserNames)('plain static hosting in %s', (name) => {
  const missing = withoutBrowser(name)
  let world: World
  beforeAll(async () => {
    if (missing === undefined) world = await openWorld(name, false)
  }, 120_000)
  afterAll(async () => world?.close())

  const inBrowser = (title: string, run: () => Promise<void>) =>
    test.skipIf(missing !== undefined || !lua.available)(titled(title, missing ?? lua.reason), run, 60_000)

  inBrowser('programs run slower, which is said, and go on after a reload', async () => {
    const tab = await Tab.open(world)
    await tab.startProgram('lua')
    await tab.shows('PUC-Rio')
    await tab.waitForText('slower: the page is not isolated')
    await tab.line('x = 6')
    await tab.click('Checkpoint')
    await tab.waitForText('1 checkpoint,')
    await tab.line('x = x * 7 print(x)')
    await tab.shows('\n42')
    await tab.page.reload()
    await tab.state('Running')
    await tab.line('print("x is", x)')
    await tab.shows('x is    42')
    expect(tab.errors).toEqual([])
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('a module of one’s own runs with arguments, environment and files', async () => {
    const script = join(tmpdir(), `stasis-page-${process.pid}.lua`)
    writeFileSync(
      script,
      'print("words", ...) print("env", os.getenv("NAME")) io.open("/out.txt", "w"):write("kept"):close() io.read()',
    )
    const tab = await Tab.open(world)
    await tab.page.waitForSelector('.own')
    const [module, files] = await tab.page.$$('.own input[type=file]')
    await (module as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(lua.path)
    await (files as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(script)
    await tab.page.type('.own input.mono', `/${script.split('/').at(-1)} one "two words"`)
    await tab.page.type('.own textarea', 'NAME=a value')
    await tab.click('Run')
    await tab.state('Running')
    await tab.shows('two words')
    await tab.shows('a value')
    await tab.click('Checkpoint')
    await tab.waitForText('1 checkpoint,')
    await tab.click('Files')
    await tab.waitForText('/out.txt')
    await tab.click('End')
    await tab.page.close()
  })

  inBrowser('a file that is neither program nor session is refused with the reason', async () => {
    const file = join(tmpdir(), `stasis-page-${process.pid}.stasis`)
    writeFileSync(file, 'no session')
    const tab = await Tab.open(world)
    await tab.page.waitForSelector('.own')
    const [module] = await tab.page.$$('.own input[type=file]')
    await (module as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(file)
    await tab.waitForText('is neither a WebAssembly program nor a session of stasis')
    await tab.page.close()
  })

  inBrowser('a session that was saved elsewhere is opened from its file, with its screen', async () => {
    const file = join(tmpdir(), `stasis-page-${process.pid}-saved.stasis`)
    await saveSessionTo(file, lua.path)
    const tab = await Tab.open(world)
    await tab.page.waitForSelector('.own')
    const [input] = await tab.page.$$('.own input[type=file]')
    await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(file)
    await tab.state('Running')
    await tab.shows('begun')
    await tab.type('\n')
    await tab.shows('sum     42')
    await tab.state('Ended with code 0')
    expect(tab.errors).toEqual([])
    await tab.page.close()
  })

  inBrowser('the element runs a program in any page, and goes on with it', async () => {
    const tab = await Tab.open({ ...world, url: world.url.replace('dist/web/index.html', 'test/page/embed.html') })
    await tab.state('Running')
    await tab.page.evaluate(() => {
      const element = document.querySelector('stasis-session') as unknown as { view: { terminal: { focus(): void } } }
      element.view.terminal.focus()
    })
    await tab.line('greeting = greeting .. ", you" print(#greeting)')
    await tab.shows('10')
    await tab.page.reload()
    await tab.state('Running')
    await tab.line('print(greeting)')
    await tab.shows('hello, you')
    expect(tab.errors).toEqual([])
    await tab.click('End')
    await tab.page.close()
  })
})
