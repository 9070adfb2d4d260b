import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { reportCommand } from '../../host-node/cli/commands/report.ts'
import { escapeHtml, html } from '../../host-node/cli/report/html.ts'
import { runCommandLine } from '../../host-node/cli/run-command-line.ts'
import { FileStore } from '../../host-node/file-store.ts'
import { segmentName, sessionFolder } from '../../runtime/store/session-log.ts'
import { testSession } from '../log/guest-run.ts'
import { recordSession, saveTestCheckpoint, testImage } from '../log-views/recorded-session.ts'
import { type HandWritten, wasiLog, yields } from '../log-views/wasi-log.ts'

let directory = ''
let store: FileStore
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'report-'))
  store = new FileStore(directory)
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function stasis(...argv: string[]) {
  let out = ''
  let err = ''
  const code = await runCommandLine([reportCommand], ['report', ...argv, '--store', directory], {
    out: (line) => {
      out += `${line}\n`
    },
    err: (line) => {
      err += `${line}\n`
    },
    columns: 100,
    interactive: false,
    style: (_, text) => text,
  })
  return { code, out, err }
}

const put = (calls: readonly HandWritten[], cut = 0) => {
  const bytes = wasiLog(calls)
  return store.put(`${sessionFolder('calc')}${segmentName(0, testSession)}`, [bytes.subarray(0, bytes.length - cut)])
}

/** Names and attributes of all tags, and everything between them. */
function parse(page: string) {
  const tags = [...page.matchAll(/<(!?\/?[a-zA-Z0-9]+)((?:\s+[a-zA-Z0-9:-]+(?:="[^"<>]*")?)*)\s*(\/?)>/g)]
  const attributes = tags.flatMap((tag) => [...tag[2]!.matchAll(/([a-zA-Z0-9:-]+)(?:="([^"]*)")?/g)])
  const rest = page.replaceAll(/<!?\/?[a-zA-Z0-9]+(?:\s+[a-zA-Z0-9:-]+(?:="[^"<>]*")?)*\s*\/?>/g, '\n')
  return {
    tags: new Set(tags.map((tag) => tag[1]!.replace('/', ''))),
    opened: tags.flatMap((tag) => (tag[3] === '/' ? [] : [tag[1]!])),
    attributes: attributes.map((attribute) => [attribute[1]!, attribute[2] ?? ''] as const),
    rest,
  }
}

const allowedTags =
  '!doctype a body caption circle code dd desc details div dl dt figcaption figure footer g h1 h2 head header html li ' +
  'line main meta ol p path rect section span style summary svg table tbody td text tfoot th thead title tr ul'
const voidTags = new Set(['!doctype', 'meta'])

test('a page is complete, has no script and loads nothing', async () => {
  const calls = await recordSession(store, 'lua-closures', { checkpoints: [{ calls: 20, label: 'lunch' }] })
  const file = join(directory, 'page.html')
  const { code, out, err } = await stasis('calc', '-o', file)
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/^The report of calc is in .*page\.html \([\d.]+ KB\)\.\n$/)
  const page = readFileSync(file, 'utf8')
  expect(page.startsWith('<!doctype html>')).toBe(true)
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'`)
  const { tags, attributes, opened } = parse(page)
  expect([...tags].filter((tag) => !allowedTags.split(' ').includes(tag))).toEqual([])
  const references = attributes.filter(([name]) => /^(src|href|xlink|action|on)/.test(name))
  expect(references).toEqual([['href', '#functions']])
  expect(page).not.toMatch(/url\(|@import|https?:/)
  // Every element that is opened is closed, in order.
  const stack: string[] = []
  for (const tag of opened) {
    if (tag.startsWith('/')) expect(tag.slice(1)).toBe(stack.pop())
    else if (!voidTags.has(tag)) stack.push(tag)
  }
  expect(stack).toEqual([])
  const ids = attributes.flatMap(([name, value]) => (name === 'id' ? [value] : []))
  expect(new Set(ids).size).toBe(ids.length)
  for (const [name, value] of attributes) {
    if (name === 'aria-labelledby') for (const id of value.split(' ')) expect(ids).toContain(id)
  }
  expect(page).toContain(`<dt>calls</dt><dd>${calls}</dd>`)
  expect(page).toContain('checkpoint 1 (request) “lunch”, before call 20')
  expect((await stasis('calc', '-o', '-')).out.replaceAll(/\d\d:\d\d:\d\d/g, '')).toBe(
    page.replaceAll(/\d\d:\d\d:\d\d/g, ''),
  )
})

test('what a program or an image says is text wherever it stands', async () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>&lt;\u202e\u0000\u001b</style></title><!--`
  const name = `f${hostile}`
  await put([
    { name, params: [1] },
    { name, params: [1], how: 'threw', output: hostile },
    { name: 'path_unlink_file', params: [3, 0, hostile.length], input: hostile, errno: 44, how: 'announced' },
  ])
  await saveTestCheckpoint(store, { session: 'calc', calls: 1, cause: hostile, label: hostile, moduleName: hostile })
  const page = (await stasis('calc', '-o', '-')).out
  const { tags, attributes, rest } = parse(page)
  expect([...tags].filter((tag) => !allowedTags.split(' ').includes(tag))).toEqual([])
  expect(attributes.filter(([attribute]) => /^(src|on)/.test(attribute))).toEqual([])
  expect(rest).not.toMatch(/[<>]/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(page.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
  expect(page.match(/&quot;&gt;&lt;script&gt;alert\(1\)&lt;\/script&gt;/g)!.length).toBeGreaterThan(5)
})

test('the template escapes all values but those that it made', () => {
  expect(html`<p title="${`"'`}">${['<b>', html`<i>${'&'}</i>`, 7]}</p>`.text).toBe(
    '<p title="&quot;&#39;">&lt;b&gt;<i>&amp;</i>7</p>',
  )
  expect(escapeHtml('a\u2066b')).toBe('a\ufffdb')
})

test('first, last and failed calls are listed with how many are between', async () => {
  const failing = { name: 'fd_tell', params: [9], errno: 8 } as const
  await put([...yields(100), ...Array.from({ length: 100 }, () => failing), ...yields(100)])
  const page = (await stasis('calc', '-o', '-')).out
  expect(page).toContain('<summary>Failed calls (100)</summary>')
  expect(page).toContain('<summary>First and last calls (300)</summary>')
  expect(page).toContain('… 40 calls more …')
  expect(page).toContain('… 240 calls more …')
  const numbers = [...page.matchAll(/<span class="n">(\d+)<\/span>/g)].map((match) => Number(match[1]))
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  expect(numbers).toEqual([...range(100, 130), ...range(170, 200), ...range(0, 30), ...range(270, 300)])
})

test('a session without calls or checkpoints, and one with very many, have a page', async () => {
  await put([])
  const empty = (await stasis('calc', '-o', '-')).out
  expect(empty).toContain('No call was made.')
  expect(empty).toContain('unknown: no checkpoint tells it')
  await put(yields(1))
  expect((await stasis('calc', '-o', '-')).out).toContain('role="img"')
  await put(yields(30_000))
  for (let version = 1; version <= 700; version++) {
    // Directly: a store waits for the disk each time.
    writeFileSync(join(directory, `sessions/calc/${version}.ckpt`), testImage({ session: 'calc', calls: version * 40 }))
  }
  const page = (await stasis('calc', '-o', '-')).out
  expect(page).toContain('The newest 500 of 700.')
  expect(page.match(/class="checkpoint /g)!.length).toBeLessThanOrEqual(300)
  expect(page.length).toBeLessThan(400_000)
})

test('what is not whole is told on the page; damage also fails the command, with a page of what comes before', async () => {
  await put(yields(10), 2)
  const torn = await stasis('calc', '-o', '-')
  expect(torn.code).toBe(0)
  expect(torn.out).toMatch(/class="notice" role="note"><p>At the end of .* were not written whole/)
  const bytes = wasiLog(yields(400), { blockSize: 50 })
  bytes[bytes.length >> 1]! ^= 1
  await store.put(`${sessionFolder('calc')}${segmentName(0, testSession)}`, [bytes])
  const damaged = await stasis('calc', '-o', '-')
  expect(damaged).toMatchObject({ code: 1, err: /STASIS_LOG_DAMAGED/ })
  expect(damaged.out).toContain('The call log is damaged at byte')
  expect(damaged.out).toContain('<code>sched_yield</code>')
})

test('without a place for the page, with one that cannot be, or without such a session it is refused', async () => {
  await put(yields(3))
  expect(await stasis('calc')).toMatchObject({ code: 2, err: /-o FILE/ })
  expect(await stasis('calc', '-o', join(directory, 'no', 'x.html'))).toMatchObject({
    code: 1,
    err: /Cannot write the report .*: it does not exist\. \[STASIS_FILE\]/,
  })
  expect(await stasis('clac', '-o', '-')).toMatchObject({ code: 1, out: '', err: /STASIS_SESSION_UNKNOWN/ })
})
