// What WASI holds of its process: descriptors until nobody can use them, and the thread it was called in.
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { implementations, nodes } from './child.ts'
import { moduleFiles, programText, start } from './guests.ts'

const files = moduleFiles({
  // Opens the preopened directory; the descriptor stays open. `again` says what a second use of it answers.
  opens: programText(
    ['path_open', 'fd_fdstat_get', 'proc_exit'],
    `${start(
      `(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 8) (i32.const 1)
         (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 200)))`,
    )} (func (export "again") (result i32) (call $fd_fdstat_get (i32.load (i32.const 200)) (i32.const 256)))`,
    { 128: 'kept.txt' },
  ),
  exits: programText(['proc_exit'], start('(call $proc_exit (i32.const 7))')),
})

function evaluate(node: string, source: string): string {
  const script = `import { readFileSync, readdirSync } from 'node:fs'
    const { WASI } = await import('${implementations.stasis}')
    const load = (path) => new WebAssembly.Module(readFileSync(path))
    ${source}`
  const args = ['--no-warnings', '--expose-gc', '--input-type=module', '--eval', script]
  const { stdout, stderr } = spawnSync(node, args, { encoding: 'utf8', timeout: 50_000, cwd: files.directory })
  return stdout + stderr
}

describe.each(nodes)('WASI on Node $major', ({ path: node }) => {
  test('gives back its descriptors when no instance can use them', () => {
    const output = evaluate(
      node,
      `const module = load('${files.path('opens')}')
       const open = () => readdirSync('/proc/self/fd').length
       const run = () => {
         const wasi = new WASI({ version: 'preview1', preopens: { '/': '.' } })
         const instance = new WebAssembly.Instance(module, wasi.getImportObject())
         wasi.start(instance)
         return instance
       }
       const kept = run()
       const before = open()
       for (let i = 0; i < 200; i++) run()
       const most = open()
       for (let i = 0; i < 20; i++) {
         gc()
         await new Promise((resolve) => setTimeout(resolve, 10))
       }
       console.log(most - before > 300, open() - before < 20, kept.exports.again())`,
    )
    expect(output).toBe('true true 0\n')
  })

  test('runs in a worker thread, which a guest that exits ends', () => {
    const output = evaluate(
      node,
      `const { Worker } = await import('node:worker_threads')
       const run = (returnOnExit) => new Promise((resolve) => {
         const worker = new Worker(\`
           Promise.all([import('node:fs'), import('${implementations.stasis}')]).then(([{ readFileSync }, { WASI }]) => {
             const wasi = new WASI({ version: 'preview1', returnOnExit: \${returnOnExit} })
             const module = new WebAssembly.Module(readFileSync('${files.path('exits')}'))
             process.exit(100 + wasi.start(new WebAssembly.Instance(module, wasi.getImportObject())))
           })\`, { eval: true })
         worker.once('exit', resolve)
       })
       console.log(await run(true), await run(false))`,
    )
    expect(output).toBe('107 7\n')
  })

  test('does not keep the process alive after a poll of standard input', () => {
    const source = `
      const wasi = new WASI({ version: 'preview1' })
      const memory = new WebAssembly.Memory({ initial: 1 })
      wasi.initialize({ exports: { memory } })
      const view = new DataView(memory.buffer)
      view.setUint8(8, 1)
      view.setBigUint64(48 + 24, 1_000_000n, true)
      view.setUint32(48 + 16, 1, true)
      console.log(wasi.wasiImport.poll_oneoff(0, 200, 2, 400))`
    expect(evaluate(node, source)).toBe('0\n')
  })
})
