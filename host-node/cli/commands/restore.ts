import { formatAddress, parseAddress } from '../../../runtime/store/address.ts'
import { removeSession } from '../../../runtime/store/checkpoints.ts'
import { Session } from '../../sessions.ts'
import { sessionOptions, superviseOptions } from '../begin-session.ts'
import { defineCommand } from '../command.ts'
import { importFile, isExportFile } from '../import-file.ts'
import { checkFile, checkMounts } from '../inputs.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace, placeOf } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { dirOption, importOption, logOptions, snapshotOptions, storeOption } from '../session-options.ts'
import { supervise } from '../supervise.ts'
import { oneOf, text } from '../values.ts'

export const restoreCommand = defineCommand({
  name: 'restore',
  summary: 'Resume a session from a checkpoint.',
  operands: 'NAME[@VERSION] | FILE.stasis',
  count: [1, 1],
  description: [
    'The program goes on in the middle of the call in which it was caught, with its memory, stack and open files. Versions ' +
      'count from 1; @-1 is the one before the newest. Without a version the program goes on where it was last: the call log ' +
      'tells what it did after its newest checkpoint, also when its process was killed.',
    'A checkpoint carries no permissions: directories are granted again with --dir. GUEST has to be as it was, HOST may be ' +
      'another directory. Files that the program has written or holds open must be there unchanged, or --files says what to do. ' +
      'A directory that is not granted goes on in memory, with the files that the checkpoint carries.',
    'When the program ends by itself, its checkpoints are removed, unless --keep is given. An older version goes on beside ' +
      'the newer ones: as a fork, whose checkpoints become the newest.',
    'FILE.stasis is what "stasis export" wrote, or "-" for stdin: it becomes a session of the store, and goes on.',
  ],
  options: {
    dir: dirOption,
    import: importOption,
    name: value('NAME', 'Go on as a session of another name, leaving this one as it is.', text),
    module: value('FILE', 'The module, where the store does not have it.', text),
    files: value(
      'WHAT',
      'Files in granted directories that the program has written or holds open, and that are not as the checkpoint has ' +
        'them: "refuse" (the default), "keep" them as they are, or "restore" them. A checkpoint without contents needs ' +
        '--keep-log from the beginning for the latter.',
      oneOf(['keep', 'restore', 'refuse'], 'way with files'),
    ),
    'force-fork': flag('Go on although the session has moved elsewhere: as a session of its own.'),
    'allow-changed-files': flag('The same as --files keep.'),
    store: storeOption,
    ...encryptionOptions,
    ...snapshotOptions,
    ...logOptions,
  },
  examples: [
    { line: 'stasis restore calc', does: 'where it was last, whether it was stopped or killed' },
    { line: 'stasis restore calc.stasis', does: 'out of a file that came from elsewhere' },
    { line: 'stasis restore calc@-1 --dir ./data::/data', does: 'the one before, granting a directory' },
  ],
  run: async ({ values, operands, terminal }) => {
    const isFile = isExportFile(operands[0] as string)
    const given = isFile ? undefined : parseAddress(operands[0] as string)
    checkMounts(values.dir)
    if (values.module !== undefined) checkFile(values.module, 'the module')
    const place = placeOf(values)
    const store = await openPlace(values)
    const address = given ?? { name: await importFile(store, operands[0] as string, values.name), version: 0 }
    const name = isFile ? address.name : (values.name ?? address.name)
    // So that the same command can be given again with other options.
    const undo = async (error: unknown): Promise<never> => {
      if (isFile) await removeSession(store, address.name)
      throw error
    }
    return supervise(
      () =>
        lookUp(store, address.name, () =>
          Session.restore(store, formatAddress(address), {
            files: values['allow-changed-files'] ? 'keep' : (values.files ?? 'refuse'),
            ...(name !== address.name && { name }),
            ...(values['force-fork'] && { forceFork: true }),
            ...(values.module !== undefined && { module: values.module }),
            imports: Object.fromEntries(values.import),
            ...sessionOptions(values, terminal),
          }).catch(undo),
        ),
      superviseOptions(values, { module: name, place, store, terminal, preparing: `Restoring ${operands[0]}…` }),
    )
  },
})
