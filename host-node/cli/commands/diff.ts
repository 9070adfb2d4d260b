import { type CheckpointDifference, compareCheckpoints } from '../../../runtime/image/compare.ts'
import { decodeCheckpoint } from '../../../runtime/image/decode.ts'
import type { Checkpoint } from '../../../runtime/image/model.ts'
import { defineCommand } from '../command.ts'
import { compareState, type StateDifference } from '../diff/compare-state.ts'
import { formatSize, plural, printable } from '../format.ts'
import { encryptionOptions } from '../open-place.ts'
import { readImage } from '../read-image.ts'
import { jsonOption, storeOption } from '../session-options.ts'

export const diffCommand = defineCommand({
  name: 'diff',
  summary: 'Say what differs between two checkpoints.',
  operands: 'NAME@VERSION|IMAGE NAME@VERSION|IMAGE',
  count: [2, 2],
  description: [
    'Pages of memory, regions that the program has named, globals, tables, the stack, open descriptors, and the files that ' +
      'the checkpoints have (see "stasis help files"). The first is the earlier one. The exit code is 0 where they are the same, else 1.',
  ],
  options: { store: storeOption, ...encryptionOptions, json: jsonOption },
  examples: [{ line: 'stasis diff calc@3 calc@5', does: 'what the program did between two of its checkpoints' }],
  run: async ({ values, operands, terminal }) => {
    const [before, after] = await Promise.all(
      operands.map(async (subject): Promise<Checkpoint> => decodeCheckpoint(await readImage(subject, values))),
    )
    const difference = compareCheckpoints(before!, after!)
    const state = compareState(before!, after!)
    if (values.json) terminal.out(JSON.stringify({ ...difference, ...state }))
    else terminal.out(print(difference, state).join('\n'))
    return isSame(difference, state) ? 0 : 1
  },
})

function isSame({ memories, globals, tables, stacks }: CheckpointDifference, state: StateDifference): boolean {
  const isMemorySame = memories.every(({ pages, from, to }) => pages === 0 && from === to)
  const isStackSame = stacks.every(({ same, from, to }) => same === from && same === to)
  const lists = [globals, tables, state.descriptors, state.regions, state.files]
  return isMemorySame && isStackSame && lists.every(({ length }) => length === 0)
}

function print(difference: CheckpointDifference, { descriptors, regions, files }: StateDifference): string[] {
  const { memories, globals, tables, stacks, calls } = difference
  return [
    `${plural(calls, 'call')} between them.`,
    ...memories.map(({ instance, memory, pages, bytes, from, to, runs }) => {
      const size = from === to ? formatSize(to) : sizes(from, to)
      const what = pages === 0 ? 'the same' : `${plural(pages, 'page')} changed (${formatSize(bytes)}): ${ranges(runs)}`
      return `memory ${instance}.${memory} (${size}): ${what}`
    }),
    ...regions.map(
      ({ name, change, length, bytes }) =>
        `region ${printable(name)} (${formatSize(length)}): ${change === 'changed' ? `${plural(bytes, 'byte')} changed` : change}`,
    ),
    ...globals.map(({ instance, index, from, to }) => `global word ${instance}.${index}: ${from}, then ${to}`),
    ...tables.map(
      ({ instance, table, changed }) => `table ${instance}.${table}: ${plural(changed, 'element')} changed`,
    ),
    ...stacks.map(({ stack, same, from, to }) =>
      same === from && same === to
        ? `stack ${stack}: the same ${plural(to, 'frame')}`
        : `stack ${stack}: ${plural(same, 'frame')} the same, then ${from - same} before and ${to - same} now`,
    ),
    ...descriptors.map(
      ({ fd, change, path }) => `descriptor ${fd}${path === '' ? '' : ` (${printable(path)})`}: ${change}`,
    ),
    ...files.map(({ path, change, from, to }) => {
      const size = change !== 'changed' || from === to ? formatSize((to ?? from)!) : sizes(from!, to!)
      return `file ${printable(path)} (${size}): ${change}`
    }),
  ]
}

const sizes = (from: number, to: number): string => `${formatSize(from)}, then ${formatSize(to)}`

const shownRuns = 8

function ranges(runs: CheckpointDifference['memories'][number]['runs']): string {
  const shown = runs
    .slice(0, shownRuns)
    .map(([first, count]) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`))
  const more = runs.length > shownRuns ? `, and ${plural(runs.length - shownRuns, 'range')} more` : ''
  return `${shown.join(', ')}${more}`
}
