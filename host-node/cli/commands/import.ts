import { defineCommand } from '../command.ts'
import { importFile } from '../import-file.ts'
import { shellJoin } from '../mounts.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { value } from '../options.ts'
import { programWords } from '../program-name.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { text } from '../values.ts'

export const importCommand = defineCommand({
  name: 'import',
  summary: 'Make a session of an exported one.',
  operands: 'FILE',
  count: [1, 1],
  description: [
    'FILE is what "stasis export" wrote; "-" for stdin. All of it is checked before anything of it is used. It carries no ' +
      'permissions: directories are granted when it is restored. "stasis restore FILE" does both.',
  ],
  options: {
    name: value('NAME', 'What to call it here. Default: the name it had.', text),
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [{ line: 'stasis import calc.stasis --name calc-2', does: 'and then: stasis restore calc-2' }],
  run: async ({ values, operands, terminal }) => {
    const place = placeOf(values)
    const store = await openPlace(values)
    const name = await importFile(store, operands[0] as string, values.name)
    if (values.json) terminal.out(JSON.stringify({ name }))
    else {
      const words = shellJoin([...programWords(), 'restore', name, ...place.words])
      terminal.out(`${name} is in the store. Resume with: ${terminal.style('bold', words)}`)
    }
    return 0
  },
})
