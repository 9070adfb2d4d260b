// Builds the test programs into .cache/programs and writes the list that test/programs/programs.ts reads.
//   node scripts/programs.mjs [--only name,name] [--force]
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled } from './lib/install.mjs'
import { root, say } from './lib/process.mjs'

const cache = join(root, '.cache/programs')
const manifestPath = join(cache, 'manifest.json')
const recipeFolder = join(root, 'scripts/programs')

const filesUnder = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) => filesUnder(join(path, name)))
    : [path]

/** Changes when the recipe, the way compilers are called, or a source of ours changes. */
const recipeHash = (files) => {
  const hash = createHash('sha256')
  for (const file of files.flatMap(filesUnder))
    hash.update(relative(root, file)).update('\0').update(readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}

const readManifest = () => (existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, 'utf8')) : {})

const loadRecipes = async () => {
  const all = []
  for (const file of filesUnder(recipeFolder)) {
    const { recipes } = await import(pathToFileURL(file).href)
    for (const recipe of recipes) {
      const hash = recipeHash([file, join(root, 'scripts/lib/wasi-cc.mjs'), ...recipe.inputs])
      all.push({ ...recipe, path: join(cache, `${recipe.name}-${hash}.wasm`) })
    }
  }
  return all
}

const buildOne = (recipe, force) => {
  if (existsSync(recipe.path) && !force) return { path: relative(root, recipe.path) }
  const started = performance.now()
  const partial = join(cache, `partial-${process.pid}-${basename(recipe.path)}`)
  try {
    say(`Building ${recipe.name}`)
    recipe.build(partial)
    renameSync(partial, recipe.path)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    say(`${recipe.name}: ${(statSync(recipe.path).size / 1e6).toFixed(2)} MB in ${seconds} s`)
    return { path: relative(root, recipe.path) }
  } catch (error) {
    say(`${recipe.name} is not available: ${error.message}`)
    return { reason: error.message.split('\n')[0] }
  }
}

/** Builds what is missing; a program that cannot be built is listed with the reason. */
export const buildPrograms = async ({ only = [], force = false } = {}) => {
  mkdirSync(cache, { recursive: true })
  const built = {}
  for (const recipe of await loadRecipes()) {
    if (only.length > 0 && !only.includes(recipe.name)) continue
    built[recipe.name] = buildOne(recipe, force)
  }
  const manifest = { ...(only.length > 0 ? readManifest() : {}), ...built }
  const partial = `${manifestPath}.${process.pid}`
  writeFileSync(partial, `${JSON.stringify(manifest, null, 2)}\n`)
  renameSync(partial, manifestPath)
  const missing = Object.keys(built).filter((name) => built[name].reason)
  say(
    `Test programs: ${Object.keys(built).length - missing.length} ready${missing.length ? `, not available: ${missing.join(', ')}` : ''}`,
  )
  return manifest
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  ensureInstalled()
  const onlyAt = process.argv.indexOf('--only')
  const only = onlyAt > 0 ? (process.argv[onlyAt + 1] ?? '').split(',') : []
  await buildPrograms({ only, force: process.argv.includes('--force') })
}
