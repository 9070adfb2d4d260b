import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkFile, checkMounts, generateName, readInput } from '../../host-node/cli/inputs.ts'
import { programWords } from '../../host-node/cli/program-name.ts'
import { locateStore } from '../../host-node/cli/store-place.ts'
import { checkSessionName } from '../../runtime/store/address.ts'

const directory = mkdtempSync(join(tmpdir(), 'in-'))
afterAll(() => rmSync(directory, { recursive: true }))

test('a generated name is the module’s with the first free number, and a valid one', () => {
  expect(generateName('/x/calc.wasm', new Set())).toBe('calc-1')
  expect(generateName('calc.wasm', new Set(['calc-1', 'calc-3']))).toBe('calc-2')
  for (const path of [
    '.wasm',
    'ä b/ü ü.wasm',
    '--x.wasm',
    '..wasm',
    `${'long'.repeat(50)}.wasm`,
    '.hidden.wasm',
    'a@b',
  ])
    expect(() => checkSessionName(generateName(path, new Set())), path).not.toThrow()
})

test('a file that cannot be read is named with the reason', () => {
  expect(() => readInput('nowhere.wasm', 'the module')).toThrow(
    'Cannot read the module nowhere.wasm: it does not exist.',
  )
  expect(() => readInput(directory, 'the module')).toThrow('it is a directory')
  expect(() => checkFile('nowhere.wasm', 'the module')).toThrow('it does not exist')
  expect(() => checkFile(directory, 'the module')).toThrow('it is not a file')
  expect(() => checkFile(process.execPath, 'the module')).not.toThrow()
})

test('a grant that cannot be kept is refused before anything runs', () => {
  const grant = (host: string, guest = host) => ({ host, guest, readOnly: false })
  expect(() => checkMounts([grant(directory, '/a'), grant(directory, '/b')])).not.toThrow()
  expect(() => checkMounts([grant(join(directory, 'no'))])).toThrow('it does not exist')
  expect(() => checkMounts([grant(process.execPath, '/a')])).toThrow('is not a directory')
  expect(() => checkMounts([grant(directory, '/a'), grant(tmpdir(), '/a')])).toThrow('two directories are granted')
})

test('everybody who means the same store gets the same identity', () => {
  mkdirSync(join(directory, 'store'))
  symlinkSync(join(directory, 'store'), join(directory, 'link'))
  const { id } = locateStore(join(directory, 'store'), {})
  expect(locateStore(join(directory, 'link'), {}).id).toBe(id)
  expect(locateStore(`file:${join(directory, 'store')}`, {}).id).toBe(id)
  expect(locateStore(`file://${join(directory, 'store')}`, {}).id).toBe(id)
  expect(locateStore(undefined, { STASIS_STORE: join(directory, 'link') }).id).toBe(id)
  expect(locateStore('memory:', {})).toEqual({ url: 'memory:', id: 'memory:', words: ['--store', 'memory:'] })
})

test('a store that is found by default needs no word in the command that resumes', () => {
  expect(locateStore(undefined, {}).words).toEqual([])
  expect(locateStore(undefined, { STASIS_STORE: '/x' }).words).toEqual([])
  expect(locateStore('./s', {})).toMatchObject({ url: 'file:./s', words: ['--store', './s'] })
})

test('the command that resumes starts as the person started us', () => {
  expect(programWords('/usr/local/bin/stasis', {})).toEqual(['stasis'])
  expect(programWords('/x/node_modules/.bin/stasis', { npm_command: 'exec' })).toEqual(['npx', 'stasis'])
  expect(programWords('/usr/local/bin/stasis', { npm_command: 'exec' })).toEqual(['stasis'])
  expect(programWords(join(process.cwd(), 'dist/cli.js'), { npm_command: 'exec' })).toEqual(['node', 'dist/cli.js'])
  expect(programWords(join(process.cwd(), 'dist/cli.js'), {})).toEqual(['node', 'dist/cli.js'])
  expect(programWords('/elsewhere/dist/cli.js', {})).toEqual(['node', '/elsewhere/dist/cli.js'])
})
