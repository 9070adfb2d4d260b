// Debian packages and sources for the test programs. The machine's own list of sources is read, never changed:
// source packages and backports are fetched through a private copy of it.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment, has, root, run, say } from './process.mjs'

const home = join(root, '.cache/apt')
const codename = () => /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
const isRoot = () => process.getuid?.() === 0

/** A sentence why packages cannot be installed here, or undefined when they can. */
export const aptProblem = () => {
  if (process.platform !== 'linux' || !has('apt-get')) return 'there is no apt-get on this machine'
  if (isRoot()) return undefined
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'apt-get needs root or sudo without a password'
  }
}

const asRoot = (command, args, options) =>
  isRoot() ? run(command, args, options) : run('sudo', ['-n', command, ...args], options)

const isInstalled = (name) => {
  try {
    const status = execFileSync('dpkg', ['-s', name], { stdio: ['ignore', 'pipe', 'ignore'] })
    return status.toString().includes('Status: install ok installed')
  } catch {
    return false
  }
}

let updated = false

/** Installs those of the packages that are missing. */
export const installPackages = (names) => {
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  const problem = aptProblem()
  if (problem) throw new Error(`${problem}, and Debian packages are missing: ${missing.join(' ')}`)
  say(`Installing Debian packages: ${missing.join(' ')}`)
  const env = { ...environment(), DEBIAN_FRONTEND: 'noninteractive' }
  if (!updated) asRoot('apt-get', ['update', '-q'], { env })
  updated = true
  asRoot('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...missing], { env })
}

/** The same sources with source packages and backports switched on. */
const widen = (text, file) => {
  const name = codename()
  if (file.endsWith('.sources')) {
    return text
      .replace(/^Types:.*$/gm, 'Types: deb deb-src')
      .replace(new RegExp(`^(Suites:.*\\b${name})(?![-\\w])(.*)$`, 'gm'), `$1$2 ${name}-backports`)
  }
  return text
    .split('\n')
    .filter((line) => /^deb\s/.test(line))
    .flatMap((line) => {
      const suites = line.includes(` ${name} `) ? [line, line.replace(` ${name} `, ` ${name}-backports `)] : [line]
      return suites.flatMap((each) => [each, each.replace(/^deb\s/, 'deb-src ')])
    })
    .join('\n')
}

const copySources = (parts) => {
  const listed = existsSync('/etc/apt/sources.list.d') ? readdirSync('/etc/apt/sources.list.d') : []
  const files = ['/etc/apt/sources.list', ...listed.map((name) => `/etc/apt/sources.list.d/${name}`)]
  for (const file of files) {
    if (!/\.(list|sources)$/.test(file) || !existsSync(file)) continue
    writeFileSync(join(parts, file.split('/').pop()), `${widen(readFileSync(file, 'utf8'), file)}\n`)
  }
}

let options

/** Options that point apt at the private copy; the package lists are fetched once a run. */
const privateOptions = () => {
  if (options) return options
  const problem = aptProblem()
  if (problem) throw new Error(problem)
  installPackages(['dpkg-dev'])
  const parts = join(home, 'sources.d')
  rmSync(parts, { recursive: true, force: true })
  for (const folder of [parts, join(home, 'lists/partial'), join(home, 'cache/archives/partial')]) {
    mkdirSync(folder, { recursive: true })
  }
  copySources(parts)
  options = [
    ...['-o', 'Dir::Etc::sourcelist=/dev/null'],
    ...['-o', `Dir::Etc::sourceparts=${parts}`],
    ...['-o', `Dir::State::Lists=${join(home, 'lists')}`],
    ...['-o', `Dir::Cache=${join(home, 'cache')}`],
    ...['-o', 'APT::Sandbox::User='],
  ]
  say('Reading the lists of Debian sources and backports (private copy, in .cache/apt)')
  run('apt-get', [...options, 'update', '-q'])
  return options
}

const emptyFolder = (folder) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

/** The folder of an unpacked Debian source package, patches applied. */
export const debianSource = (name) => {
  const folder = join(home, 'source', name)
  const unpacked = () => existsSync(folder) && readdirSync(folder, { withFileTypes: true }).find((e) => e.isDirectory())
  if (!unpacked()) {
    const settings = privateOptions()
    emptyFolder(folder)
    run('apt-get', [...settings, 'source', '-q', name], { cwd: folder })
  }
  return join(folder, unpacked().name)
}

/** The `usr` folder of packages from backports, unpacked into one folder of ours and not installed. */
export const backports = (...names) => {
  const folder = join(home, 'backports', names[0])
  if (!existsSync(join(folder, 'complete'))) {
    const settings = privateOptions()
    emptyFolder(folder)
    run('apt-get', [...settings, 'download', '-q', ...names.map((name) => `${name}/${codename()}-backports`)], {
      cwd: folder,
    })
    for (const file of readdirSync(folder)) run('dpkg-deb', ['-x', join(folder, file), folder])
    writeFileSync(join(folder, 'complete'), '')
  }
  return join(folder, 'usr')
}
