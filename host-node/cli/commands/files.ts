import { mkdirSync } from 'node:fs'
import { decodeCheckpoint } from '../../../runtime/image/decode.ts'
import { checkpointFiles, listFiles } from '../../../runtime/session/files/checkpoint-files.ts'
import { exportFiles } from '../../../runtime/session/files/export-files.ts'
import { findFile } from '../../../runtime/session/files/find-file.ts'
import { openDirectory } from '../../directory.ts'
import { defineCommand } from '../command.ts'
import { formatSize, plural, printable } from '../format.ts'
import { encryptionOptions } from '../open-place.ts'
import { flag } from '../options.ts'
import { printListing } from '../print-listing.ts'
import { readImage } from '../read-image.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { UsageError } from '../usage-error.ts'

export const filesCommand = defineCommand({
  name: 'files',
  summary: 'List the files in a checkpoint, show one, or take them out.',
  operands: 'NAME[@VERSION]|FILE [ls | cat PATH | export DIR]',
  count: [1, 3],
  description: [
    'A checkpoint has the files of directories in memory (--mem), what the program changed in overlays (--dir ' +
      'HOST::GUEST:overlay), and of other directories the files that the program has written or holds open. PATH is the ' +
      'one that the program sees. FILE is an exported session or an image.',
    'export writes them below DIR, which is made where there is none; /data/out.txt becomes DIR/data/out.txt.',
  ],
  options: {
    force: flag('export: replace files that exist.'),
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
  },
  examples: [
    { line: 'stasis files calc', does: 'what the newest checkpoint of calc has' },
    { line: 'stasis files calc@2 cat /data/out.txt', does: 'one file, as it was in version 2' },
    { line: 'stasis files calc export ./out', does: 'all of them, below ./out' },
  ],
  run: async ({ values, operands, terminal }) => {
    const [subject, action = 'ls', operand] = operands as [string, string?, string?]
    checkAction(action, operand)
    const mounts = checkpointFiles(decodeCheckpoint(await readImage(subject, values)))
    switch (action) {
      case 'cat':
        terminal.bytes?.(findFile(mounts, operand!))
        return 0
      case 'export': {
        mkdirSync(operand!, { recursive: true })
        const target = openDirectory(operand!)
        const { files, size, skipped } = exportFiles(mounts, target, values.force)
        target.close?.()
        if (values.json) terminal.out(JSON.stringify({ files, size, skipped }))
        else terminal.out(`${plural(files, 'file')} (${formatSize(size)}) written below ${operand}.`)
        for (const path of skipped) terminal.err(`stasis: The symlink ${printable(path)} leads out and was left out.`)
        return skipped.length > 0 ? 1 : 0
      }
      default: {
        const listing = listFiles(mounts)
        terminal.out(values.json ? JSON.stringify(listing, null, 2) : printListing(listing, terminal))
        return 0
      }
    }
  },
})

function checkAction(action: string, operand: string | undefined): void {
  if (!['ls', 'cat', 'export'].includes(action))
    throw new UsageError(`"${action}" is nothing to do with files; it is one of ls, cat PATH, export DIR.`, 'files')
  if (action === 'ls' && operand !== undefined) throw new UsageError(`"${operand}" is too much: ls lists all.`, 'files')
  if (action !== 'ls' && operand === undefined)
    throw new UsageError(
      `${action} needs ${action === 'cat' ? 'the PATH of a file' : 'a directory to write to'}.`,
      'files',
    )
}
