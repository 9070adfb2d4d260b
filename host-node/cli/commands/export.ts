import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatAddress, parseAddress } from '../../../runtime/store/address.ts'
import { Session } from '../../sessions.ts'
import { defineCommand } from '../command.ts'
import { formatSize } from '../format.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace } from '../open-place.ts'
import { value } from '../options.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { UsageError } from '../usage-error.ts'
import { text } from '../values.ts'

export const exportCommand = defineCommand({
  name: 'export',
  summary: 'Write a session into one file that can go anywhere.',
  operands: 'NAME[@VERSION]',
  count: [1, 1],
  description: [
    'The file holds the module, the checkpoint with the files that it carries, and what the call log has behind it: ' +
      'everything but permissions. "stasis import" or "stasis restore FILE" goes on from it, on any machine or in a page. ' +
      'The session here stays as it is.',
    'The same content gives the same bytes.',
  ],
  options: {
    output: { ...value('FILE', 'Where to write; "-" for stdout. Default: NAME.stasis.', text), short: 'o' },
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis export calc -o calc.stasis', does: 'where calc was last' },
    { line: 'stasis export calc@3 -o - | ssh other stasis restore -', does: 'goes on over there' },
  ],
  run: async ({ values, operands, terminal }) => {
    const address = parseAddress(operands[0] as string)
    const file = values.output ?? `${address.name}.stasis`
    if (file === '-' && process.stdout.isTTY)
      throw new UsageError('An exported session is no text: redirect stdout, or name a file with -o.', 'export')
    const store = await openPlace(values)
    let size = 0
    const counted = async function* () {
      for await (const part of Session.export(store, formatAddress(address))) {
        size += part.length
        yield part
      }
    }
    await lookUp(store, address.name, async () => {
      if (file === '-') return pipeline(Readable.from(counted()), process.stdout, { end: false })
      await writeWhole(file, counted())
    })
    const result = { name: address.name, file, size }
    if (file === '-') return 0
    terminal.out(values.json ? JSON.stringify(result) : `${operands[0]} is in ${file} (${formatSize(size)}).`)
    return 0
  },
})

/** What is there stays until the new file is whole. */
async function writeWhole(file: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${file}.tmp-${process.pid}`
  try {
    await pipeline(Readable.from(parts), createWriteStream(temporary, { mode: 0o600 }))
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
