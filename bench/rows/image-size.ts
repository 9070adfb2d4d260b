import { join } from 'node:path'
import { program } from '../../test/programs/programs.ts'
import type { Bench } from '../bench.ts'
import { atMost, type Section, type Verdict } from '../report.ts'

const kilobyte = 1024
const booted = [
  { title: 'hello world (C)', program: 'echo-lines', args: [], limit: 20 * kilobyte },
  { title: 'Lua', program: 'lua', args: ['-'], limit: 150 * kilobyte },
  { title: 'CPython', program: 'cpython', args: ['/bench/prompt.py'], limit: 3 * kilobyte ** 2 },
] as const

export async function imageSize(bench: Bench): Promise<Section> {
  const node = bench.settings.nodes[0]!
  const lines: string[][] = []
  const verdicts: Verdict[] = []
  for (const each of booted) {
    const { path: module, argv0 } = program(each.program)
    const guest = bench.guest(argv0, [...each.args])
    const prelinked = await bench.prelinked(module, 'default')
    const image = join(bench.temporary, `${each.program}.size`)
    await bench.run('saveBoot', { guest, module, prelinked, image }, node)
    const { plain, deflated, exported } = await bench.run('imageSize', { image, module }, node)
    lines.push([each.title, ...[plain, deflated, exported].map((bytes) => (bytes / kilobyte).toFixed(1))])
    verdicts.push(atMost(`full image of ${each.title}, exported`, [exported / kilobyte], each.limit / kilobyte, ' KiB'))
  }
  return {
    row: 'image-size',
    title: 'Size of a full image',
    method:
      'The program at its first read of standard input; the module is not counted. In an exported session, pages of memory that hold ' +
      'what the module’s data segments put there are left out, and the rest is deflated.',
    head: ['program', 'image, KiB', 'deflated, KiB', 'exported, KiB'],
    lines,
    verdicts,
    remarks: [],
  }
}
