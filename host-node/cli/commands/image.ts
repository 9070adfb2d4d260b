import { writeFileSync } from 'node:fs'
import { imageFromJson } from '../../../runtime/image/whole-json.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { readInput } from '../inputs.ts'
import { value } from '../options.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'

export const imageCommand = defineCommand({
  name: 'image',
  summary: 'Make a checkpoint image of the JSON that "inspect --json --full" prints.',
  operands: 'FILE.json',
  count: [1, 1],
  description: [
    'Of what was not changed the same bytes come back. Checksums are made anew, so that values can be changed with an editor; ' +
      'whether a program can go on with them is for you to know.',
  ],
  options: { output: value('FILE', 'Where the image goes.', text) },
  examples: [
    { line: 'stasis inspect calc --json --full > calc.json', does: 'all of the newest checkpoint as text' },
    { line: 'stasis image calc.json --output calc.ckpt', does: 'and back' },
  ],
  run: async ({ values, operands, terminal }) => {
    if (values.output === undefined) throw new UsageError('Say where the image goes: --output FILE.', 'image')
    const path = operands[0] as string
    let json: unknown
    try {
      json = JSON.parse(new TextDecoder().decode(readInput(path, 'the file')))
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause
      throw new StasisError('STASIS_IMAGE_JSON', `${path} is no JSON: ${cause.message}.`, { path }, { cause })
    }
    const image = imageFromJson(json)
    writeFileSync(values.output, image, { mode: 0o600 })
    terminal.out(`${values.output}: ${formatSize(image.length)}.`)
    return 0
  },
})
