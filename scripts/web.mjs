// Builds the page into dist/web as plain static files: npm run web
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ensureInstalled } from './lib/install.mjs'
import { root, say } from './lib/process.mjs'
import { gallery } from './web/gallery.mjs'

const out = join(root, 'dist/web')
const source = join(root, 'host-browser/page')

/** Workers are loaded from beside the script that starts them, so that everything lies in one folder. */
const entries = {
  page: join(source, 'main.ts'),
  element: join(source, 'element.ts'),
  'inspect-worker': join(source, 'inspect/worker.ts'),
  'browser-worker': join(root, 'host-browser/worker.ts'),
}

/** Style sheets as texts, without what only people read. */
const styleTexts = (transform) => ({
  name: 'style-texts',
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'css', minify: true })
      return { contents: code, loader: 'text' }
    })
  },
})

const hashOf = (folder) => {
  const hash = createHash('sha256')
  for (const name of readdirSync(join(root, folder), { recursive: true }).sort()) {
    if (name.endsWith('.ts')) hash.update(name).update(readFileSync(join(root, folder, name)))
  }
  return hash.digest('hex').slice(0, 16)
}

const options = (entryPoints, transform) => ({
  entryPoints,
  absWorkingDir: root,
  outdir: relative(root, out),
  chunkNames: 'part-[hash]',
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  plugins: [styleTexts(transform)],
  define: { STASIS_PRELINK_BUILD: JSON.stringify(hashOf('wasm-shim')) },
})

/** Copies the programs that there are, and lists them; the page has a gallery of these. */
const copyPrograms = () => {
  const folder = join(out, 'programs')
  mkdirSync(folder, { recursive: true })
  const list = []
  for (const { id, from, ...entry } of gallery()) {
    if (from === undefined || !existsSync(from)) {
      say(`${entry.title} is left out of the gallery: it was not built. "npm run programs" builds it.`)
      continue
    }
    copyFileSync(from, join(folder, `${id}.wasm`))
    list.push({ id, ...entry, module: `programs/${id}.wasm`, size: statSync(from).size })
  }
  writeFileSync(join(folder, 'programs.json'), `${JSON.stringify(list, null, 2)}\n`)
  return list
}

/** Bytes that the page has to load before it shows a session, compressed as servers do. */
export const pageWeight = () => {
  const files = readdirSync(out).filter((name) => /\.(js|html)$/.test(name) && name !== 'element.js')
  return files.reduce((sum, name) => sum + gzipSync(readFileSync(join(out, name))).length, 0)
}

/** Builds dist/web and returns its folder. */
export const buildWeb = async () => {
  const { build, transform } = await import('esbuild')
  const started = performance.now()
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  await build(options(entries, transform))
  copyFileSync(join(source, 'index.html'), join(out, 'index.html'))
  const programs = copyPrograms()
  const milliseconds = Math.round(performance.now() - started)
  say(
    `Built dist/web: ${programs.length} programs, page ${Math.round(pageWeight() / 1000)} KB compressed, ${milliseconds} ms`,
  )
  return out
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  ensureInstalled()
  await buildWeb()
}
