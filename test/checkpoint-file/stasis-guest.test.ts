// C and AssemblyScript programs under Stasis by the command line: killed, restored, and replaced by newer versions of themselves.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workplace } from '../cli/processes.ts'
import { type ProgramName, program } from '../programs/programs.ts'
import { stasisGuest } from '../session/guests.ts'

const names: readonly ProgramName[] = [
  'ckp-steps',
  'ckp-steps-stasis',
  'stasis-self',
  'stasis-self-stasis',
  'upgrade-1',
  'upgrade-1-changed',
  'upgrade-2',
  'upgrade-2-without',
  'as-ckp-check-stasis',
  'as-upgrade-2',
]
const missing = names.map((name) => program(name)).find((each) => !each.available)
const why = missing === undefined ? '' : `: ${missing.reason}`

let workplace: Workplace
beforeEach(() => {
  workplace = new Workplace()
  mkdirSync(join(workplace.directory, 'data'))
  if (missing === undefined) for (const name of names) copyFileSync(program(name).path, at(name))
})
afterEach(() => workplace.close())

const at = (name: ProgramName): string => join(workplace.directory, `${name}.wasm`)
const granted = ['--dir', 'data::/data'] as const

const steps = 'restored step 4, 10\nsaved step 5\nsaved step 6\nsaved step 7\nsaved step 8\n'

describe.skipIf(missing !== undefined)(`programs under Stasis${why}`, () => {
  test.each(['ckp-steps', 'ckp-steps-stasis'] as const)(
    '%s saves itself 5 times, is killed, is started again and restores version -1',
    async (name) => {
      const first = workplace.start('run', ...granted, '--name', 'first', `${name}.wasm`, 'wait')
      await first.says('saved step 5\n')
      first.child.kill('SIGKILL')
      expect((await first.finished).signal).toBe('SIGKILL')
      const second = await workplace.run('run', ...granted, '--name', 'second', `${name}.wasm`)
      expect(second).toMatchObject({ code: 0, out: steps, err: '' })
    },
  )

  test('a program with regions that is killed and restored goes on where it was', async () => {
    const first = workplace.start('run', ...granted, '--name', 'calc', 'ckp-steps-stasis.wasm', 'wait')
    await first.says('saved step 5\n')
    first.child.kill('SIGKILL')
    await first.finished
    const second = await workplace.run('restore', ...granted, 'calc')
    expect(second.out.replace(/^saved step 5\n/, '')).toBe('saved step 6\nsaved step 7\nsaved step 8\n')
  })

  test('a program takes checkpoints of itself, with labels, and goes on from each', async () => {
    const plain = 'step 1: 499500\ntaken\nstep 2: 1.4985e+06\ntaken\nstep 3: 2.997e+06\ntaken\n'
    const run = await workplace.run('run', '--keep', '--name', 'self', 'stasis-self-stasis.wasm')
    expect(run).toMatchObject({ code: 0, out: plain, err: '' })
    const listed = await workplace.run('ls', 'self')
    expect(listed.out.match(/ guest .* after step \d/g)?.length).toBe(3)
    const second = await workplace.run('restore', 'self@2', '--name', 'second')
    expect(second.out).toBe('restored\nstep 3: 2.997e+06\ntaken\n')
    const tortured = await workplace.run('run', '--torture', '1', 'stasis-self-stasis.wasm')
    expect(tortured.out).toBe(plain)
    // The same program without -DCKP_STASIS.
    const outside = await workplace.run('run', 'stasis-self.wasm')
    expect(outside.out).toBe(plain.replaceAll('taken', 'not under Stasis'))
  })

  test('the AssemblyScript library does the same under Stasis, wherever it is frozen', async () => {
    const run = await workplace.run('run', ...granted, '--keep', '--name', 'check', 'as-ckp-check-stasis.wasm')
    expect(run).toMatchObject({ code: 0, out: 'taken\n', err: '' })
    const { label, regions } = JSON.parse((await workplace.run('inspect', 'check', '--json')).out)
    expect([label, regions.map((region: { name: string }) => region.name)]).toEqual(['at the end', ['c', 'b']])
    expect(await workplace.run('restore', ...granted, 'check@1', '--name', 'again')).toMatchObject({
      out: 'restored\n',
    })
    rmSync(join(workplace.directory, 'data/check.ckp'))
    const tortured = await workplace.run('run', ...granted, '--torture', '1', 'as-ckp-check-stasis.wasm')
    expect(tortured).toMatchObject({ code: 0, out: 'taken\n' })
  })

  test('where there are no checkpoints, the program is told, and so is whoever runs it', async () => {
    const run = await workplace.run('run', '--engine', 'log-only', 'stasis-self-stasis.wasm')
    expect(run.out.match(/failed/g)?.length).toBe(3)
    expect(run.err).toContain('log-only')
  })

  test('Ctrl-Z in a critical section is met at its end, and whoever pressed it is told', async () => {
    const module = stasisGuest(`
      (drop (call $disable))
      (call $put (i32.const 120))
      (i32.store (i32.const 1032) (i32.const 0)) (i32.store (i32.const 1040) (i32.const 1))
      (i64.store (i32.const 1048) (i64.const 1500000000))
      (drop (call $poll_oneoff (i32.const 1024) (i32.const 1200) (i32.const 1) (i32.const 1400)))
      (call $put (i32.const 121))
      (drop (call $enable))
      (call $put (i32.const 122))`)
    writeFileSync(join(workplace.directory, 'held.wasm'), module)
    const run = workplace.start('run', '--name', 'held', 'held.wasm')
    await run.says('x')
    run.child.kill('SIGTSTP')
    await run.says('does not want a checkpoint at the moment', 'err')
    expect(await run.finished).toMatchObject({ code: 75, out: 'xy' })
    expect(await workplace.run('restore', 'held')).toMatchObject({ code: 0, out: 'z' })
  })

  describe('a new version of a program', () => {
    beforeEach(async () => {
      const run = await workplace.run('run', '--keep', ...granted, '--name', 'calc', 'upgrade-1.wasm')
      expect(run).toMatchObject({ code: 0, out: 'counted to 5\n' })
    })

    const upgrade = (name: ProgramName, ...options: string[]) =>
      workplace.run('run', ...granted, '--regions-from', 'calc', ...options, `${name}.wasm`)

    test('the regions of the old one are shown', async () => {
      const { out } = await workplace.run('inspect', 'calc')
      expect(out).toMatch(/^Regions\n {2}NAME {3}SIZE {5}PLACE\n {2}state {2}4 bytes {2}at 0x[0-9a-f]+$/m)
      const json = JSON.parse((await workplace.run('inspect', 'calc', '--json')).out)
      expect(json.regions).toMatchObject([{ name: 'state', length: 4 }])
    })

    test('with the same struct it goes on with its content', async () => {
      expect(await upgrade('upgrade-1-changed')).toMatchObject({ code: 0, out: 'going on from 5\ncounted to 505\n' })
    })

    test('with a larger struct it goes on by its migration', async () => {
      const grown = 'counted to 5000000005, restored 1 times\n'
      expect(await upgrade('upgrade-2', '--name', 'grown', '--keep', '--keep-log')).toMatchObject({
        code: 0,
        out: grown,
      })
      expect((await workplace.run('verify', 'grown')).code).toBe(0)
      expect(await upgrade('upgrade-2', '--torture', '1')).toMatchObject({ code: 0, out: grown })
      // The next one has the larger struct already.
      const next = await workplace.run('run', ...granted, '--regions-from', 'grown', 'upgrade-2.wasm')
      expect(next).toMatchObject({ code: 0, out: 'counted to 10000000005, restored 2 times\n' })
    })

    test('it may be in another language', async () => {
      const grown = 'counted to 5000000005, restored 1 times\n'
      expect(await upgrade('as-upgrade-2', '--torture', '1')).toMatchObject({ code: 0, out: grown })
      const refused = await workplace.run('run', ...granted, '--regions-from', 'calc', 'as-upgrade-2.wasm', 'without')
      expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('has 12 bytes, and had 4 in') })
    })

    test('stopped before it has registered anything, it gets its regions when it is restored', async () => {
      const early = ['--name', 'early', '--snapshot-on', 'call:5', '--stop-after-snapshot']
      expect(await upgrade('upgrade-2', ...early)).toMatchObject({ code: 75, out: '' })
      expect((await workplace.run('rm', 'calc')).code).toBe(0)
      const restored = await workplace.run('restore', ...granted, 'early')
      expect(restored.out).toBe('counted to 5000000005, restored 1 times\n')
    })

    test('its calls are shown like any other', async () => {
      const { err } = await upgrade('upgrade-2', '--strace')
      expect(err).toMatch(/^stasis\.region\("state", 0x[0-9a-f]+ 16 bytes\) = filled 0, saved 4 </m)
      expect(err).toMatch(/^stasis\.region_saved\("state", "\\x05\\x00\\x00\\x00"\) = read 4 </m)
      expect(err).toMatch(/^stasis\.checkpoint\(\) gives way to a checkpoint <.*\nstasis\.checkpoint\(\) = 1 </m)
    })

    test('with another length and no migration it is refused, with both lengths', async () => {
      expect(await upgrade('upgrade-2-without')).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringMatching(
          /^The region state has 16 bytes, and had 4 in the checkpoint: ckpMigrate tells how to get from there\.\n/,
        ),
      })
    })

    test('what it never registers is told when it exits, and shown by inspect until then', async () => {
      const told = /^stasis: A region was carried here and not taken: state \(4 bytes\)\. .*ckpRegister.*\n$/
      const run = await upgrade('stasis-self-stasis', '--name', 'other', '--keep')
      expect(run).toMatchObject({ code: 0, err: expect.stringMatching(told) })
      const { out } = await workplace.run('inspect', 'other@1')
      expect(out).toMatch(/^Regions of an older program .*\n {2}state, 4 bytes$/m)
      const json = JSON.parse((await workplace.run('inspect', 'other@1', '--json')).out)
      expect(json.regionsNotTaken).toEqual([{ name: 'state', length: 4 }])
      // They go along with its checkpoints, and with a migration they are taken.
      const restored = await workplace.run('restore', ...granted, 'other@1', '--name', 'again')
      expect(restored).toMatchObject({ code: 0, err: expect.stringMatching(told) })
      expect(await upgrade('upgrade-2', '--name', 'taken', '--keep')).toMatchObject({ code: 0, err: '' })
      expect(JSON.parse((await workplace.run('inspect', 'taken', '--json')).out).regionsNotTaken).toBeUndefined()
    })

    test('a version that is not there, and one without regions, are refused before the program runs', async () => {
      const absent = await workplace.run('run', '--regions-from', 'calc@7', 'upgrade-2.wasm')
      expect(absent).toMatchObject({ out: '', err: expect.stringContaining('calc has no version 7') })
      await workplace.run('run', '--keep', '--name', 'self', 'stasis-self-stasis.wasm')
      const none = await workplace.run('run', '--regions-from', 'self', 'upgrade-2.wasm')
      expect(none).toMatchObject({ out: '', err: expect.stringContaining('had registered no regions') })
    })
  })
})
