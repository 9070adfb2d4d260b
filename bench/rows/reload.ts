import { execFileSync } from 'node:child_process'
import type { Page } from 'puppeteer-core'
import { browserNames, launchBrowser, withoutBrowser } from '../../test/browser/browsers.ts'
import { serve } from '../../test/browser/server.ts'
import { program } from '../../test/programs/programs.ts'
import type { Bench } from '../bench.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'

/** A CPython session in the page: from the reload to an answer to what was typed then. */
export async function reload(bench: Bench): Promise<Section> {
  const { isQuick, root } = bench.settings
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const remarks: string[] = []
  execFileSync(process.execPath, ['scripts/web.mjs'], { cwd: root, stdio: 'ignore' })
  const server = await serve({ isolated: true })
  try {
    for (const name of browserNames) {
      const missing = withoutBrowser(name) ?? (program('cpython').available ? undefined : 'CPython is not there')
      if (missing !== undefined) {
        remarks.push(`${name} is left out: ${missing}.`)
        continue
      }
      const launched = await launchBrowser(name)
      try {
        const page = await launched.newPage()
        await page.goto(`${server.url}dist/web/index.html`)
        const times = await reloads(page, isQuick ? 3 : 9)
        lines.push([name, shown(times, ' ms')])
        verdicts.push(atMost(`reload to a live prompt, CPython, ${name}`, times, 1000, ' ms'))
      } finally {
        await launched.close()
      }
    }
  } finally {
    await server.close()
  }
  return {
    row: 'reload',
    title: 'Reload of a page',
    method:
      'CPython in the page, at its prompt, with a checkpoint. From the reload until the terminal shows the answer to a line that is ' +
      'typed as soon as the page says that the session runs: loading the page, the module and the image, compiling, restoring. ' +
      'The driver looks every 20 ms.',
    head: ['browser', 'reload to answer'],
    lines,
    verdicts,
    remarks,
  }
}

async function reloads(page: Page, count: number): Promise<number[]> {
  const times: number[] = []
  await page.waitForSelector('[data-program="python"]')
  await page.click('[data-program="python"]')
  await until(page, isRunning)
  await until(page, shows('>>>'))
  await page.keyboard.type('a = list(range(1000))\n')
  for (let round = 0; round < count; round++) {
    await page.keyboard.type(`print("round", ${round} + len(a))\n`)
    await until(page, shows(`round ${round + 1000}`))
    await until(
      page,
      `[...${shadow}.querySelectorAll('button')].find((one) => one.textContent === 'Checkpoint')?.click() ?? true`,
    )
    await until(page, `${shadow}.querySelectorAll('.mark').length >= ${round + 1}`)
    const began = performance.now()
    await page.reload()
    await until(page, isRunning)
    await page.keyboard.type(`print("again", ${round} + len(a))\n`)
    await until(page, shows(`again ${round + 1000}`))
    times.push(performance.now() - began)
  }
  return times
}

// As text: the benchmark is checked without the types of a page.
const shadow = "document.querySelector('stasis-session').shadowRoot"
const isRunning = `document.querySelector('stasis-session')?.shadowRoot?.querySelector('.state')?.textContent === 'Running'`
const shows = (text: string): string =>
  `document.querySelector('stasis-session')?.view?.terminal.text().includes(${JSON.stringify(text)}) ?? false`

async function until(page: Page, expression: string): Promise<void> {
  await page.waitForFunction(expression, { timeout: 30_000, polling: 20 })
}
