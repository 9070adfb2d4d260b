import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser } from 'puppeteer-core'
import type * as Node from '../../host-node/index.ts'
import { type BrowserName, browserNames, launchBrowser, openPage, withoutBrowser } from '../../test/browser/browsers.ts'
import { serve, type TestServer } from '../../test/browser/server.ts'
import { program } from '../../test/programs/programs.ts'
import type { Bench } from '../bench.ts'
import type { BenchPage, PageGuest } from '../page/driver.ts'
import { atMost, type Section, shown, type Verdict } from '../report.ts'
import { geometricMean } from '../statistics.ts'
import { workloads } from '../workloads.ts'

const overheadLimits: Readonly<Record<BrowserName, number>> = { chromium: 1.05, firefox: 1.15 }
const coldLimit = 150

/** Three workloads of Lua, plain and pre-linked, and a cold tab, in the browsers of this machine. */
export async function browser(bench: Bench): Promise<Section> {
  const { root, isQuick, rounds } = bench.settings
  const scripts = { driver: 'bench/page/driver.ts' }
  const [server, bare] = [await serve({ isolated: true, scripts }), await serve({ isolated: false, scripts })]
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  const remarks: string[] = []
  try {
    const image = await frozenLua(root)
    server.passed.set('lua.ckpt', image)
    for (const name of browserNames) {
      const missing = withoutBrowser(name)
      if (missing !== undefined) {
        remarks.push(`${name} is left out: ${missing}.`)
        continue
      }
      const launched = await launchBrowser(name)
      try {
        const measured = await overheads(launched, server, root, isQuick, rounds, name, lines)
        verdicts.push(atMost(`Lua ×3, pre-linked / plain, ${name}`, [measured], overheadLimits[name], '×'))
        lines.push(await withoutHeaders(launched, [server, bare], root, isQuick ? 3 : 7, name))
        const cold = await coldTabs(launched, server, isQuick ? 3 : 7)
        lines.push([name, `cold tab, image of ${(image.length / 2 ** 20).toFixed(0)} MB`, '', shown(cold, ' ms'), ''])
        verdicts.push(atMost(`Cold tab to the first instruction, beyond compiling, ${name}`, cold, coldLimit, ' ms'))
      } finally {
        await launched.close()
      }
    }
  } finally {
    await server.close()
    await bare.close()
  }
  return {
    row: 'browser',
    title: 'In a page',
    method:
      'Lua in the page itself, plain and pre-linked in turns, after a first run of each; a page is not told processor time, so the ' +
      'fastest runs are compared. Without isolation headers: the mandelbrot as a session, in pages with the headers and without. Cold tab: a new page that has the bytes of ' +
      'module and image; from there to the first instruction of the restored guest, in a worker, less what compiling the module takes.',
    head: ['browser', 'what', 'plain, ms', 'pre-linked, ms', 'ratio of the fastest'],
    lines,
    verdicts,
    remarks,
  }
}

type Page = Awaited<ReturnType<typeof openPage>>

function call<Name extends keyof BenchPage>(page: Page, name: Name, ...args: Parameters<BenchPage[Name]>) {
  return page.evaluate(
    (name, args) =>
      (globalThis as unknown as { bench: Record<string, (...args: unknown[]) => unknown> }).bench[name]!(...args),
    name,
    args as unknown[],
  ) as ReturnType<BenchPage[Name]>
}

async function overheads(
  launched: Browser,
  server: TestServer,
  root: string,
  isQuick: boolean,
  rounds: number,
  name: BrowserName,
  lines: string[][],
): Promise<number> {
  const page = await openPage(launched, server.url)
  const { path, argv0 } = program('lua')
  const mounts = {
    '/bench': luaBelow(join(root, 'bench/guest')),
    '/guest': luaBelow(join(root, 'test/programs/guest')),
  }
  const all: number[] = []
  for (const { name: what, args, quick } of workloads.filter((each) => each.program === 'lua')) {
    const guest: PageGuest = { module: path, args: [argv0, ...(isQuick ? quick : args)], mounts }
    const { plain, prelinked } = await call(page, 'overhead', guest, 2 * rounds)
    const ratio = Math.min(...prelinked) / Math.min(...plain)
    all.push(ratio)
    lines.push([name, what, shown(plain), shown(prelinked), ratio.toFixed(2)])
  }
  await page.close()
  return geometricMean(all)
}

/** A program that computes, as a session, in pages with the headers and without. */
async function withoutHeaders(
  launched: Browser,
  servers: readonly [isolated: TestServer, bare: TestServer],
  root: string,
  count: number,
  name: BrowserName,
): Promise<string[]> {
  const { path, argv0 } = program('lua')
  const mounts = { '/guest': luaBelow(join(root, 'test/programs/guest')) }
  const guest: PageGuest = { module: path, args: [argv0, '/guest/mandelbrot.lua', '1000'], mounts }
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < count; round++) {
    for (const [index, server] of servers.entries()) {
      const page = await openPage(launched, server.url)
      times[index]!.push(await call(page, 'session', guest))
      await page.close()
    }
  }
  const ratio = (Math.min(...times[1]) / Math.min(...times[0])).toFixed(2)
  return [name, 'as a session: with headers, without', shown(times[0]), shown(times[1]), ratio]
}

const luaBelow = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.lua'))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  )

/** Each in a page of its own. */
async function coldTabs(launched: Browser, server: TestServer, count: number): Promise<number[]> {
  const { path, module } = program('lua')
  const sha256 = createHash('sha256').update(module).digest('hex')
  const times: number[] = []
  for (let tab = 0; tab < count; tab++) {
    const page = await openPage(launched, server.url)
    const compiling = await call(page, 'compiling', path)
    times.push((await call(page, 'coldStart', path, sha256, '/passed/lua.ckpt')) - compiling)
    await page.close()
  }
  return times
}

/** An image of Lua with a table that fills sixteen megabytes. */
async function frozenLua(root: string): Promise<Uint8Array> {
  const { module, argv0 } = program('lua')
  const { MemoryStore, Session, loadCheckpoint } = (await import(
    pathToFileURL(join(root, 'dist/node.js')).href
  )) as typeof Node
  const store = new MemoryStore()
  const script = 'local t = {} for i = 1, 500000 do t[i] = i * 0.5 end io.read() print(#t)'
  const session = await Session.start({
    module,
    args: [argv0, '-e', script],
    store,
    name: 'cold',
    log: false,
    stdin: 'empty',
    stdout: () => undefined,
    stderr: () => undefined,
    triggers: [{ kind: 'first-stdin' }],
    stopAfterSnapshot: true,
  })
  const outcome = await session.done
  if (outcome.kind !== 'suspended') throw new Error(`Lua was not frozen: ${JSON.stringify(outcome)}`)
  return (await loadCheckpoint(store, { name: 'cold', version: 0 })).bytes
}
