import { parseMemory, parseMount } from './mounts.ts'
import { flag, grouped, list, optional, value } from './options.ts'
import {
  oneOf,
  parseCount,
  parseDuration,
  parseImport,
  parseLongDuration,
  parseSignal,
  parseSize,
  parseTrigger,
  text,
} from './values.ts'

export const defaultStore = '.stasis'

export const storeOption = value(
  'DIR',
  `Where sessions and their checkpoints are kept; also a URL (file:DIR, sqlite:FILE). Default: $STASIS_STORE, else ${defaultStore}.`,
  text,
)

/** Of commands that talk to `stasis serve`. */
export const tokenOption = value(
  'TOKEN',
  'What the server asks for; it was printed when that was started. Default: $STASIS_TOKEN.',
  text,
)

export const jsonOption = flag('Print JSON for machines.')

export const dirOption = list(
  'HOST[::GUEST][:ro|:overlay]',
  'Grant the directory HOST, seen by the guest as GUEST (default: as HOST); ":ro" for reading only, ":overlay" to keep what ' +
    'the program changes in the session, and HOST as it is.',
  parseMount,
)

export const memOption = list(
  'GUEST',
  'Give the guest an empty directory GUEST that lives in the session and travels with its checkpoints.',
  parseMemory,
)

export const importOption = list(
  'MODULE=FILE.mjs',
  'Functions for imports that are not WASI: FILE exports "imports", which is given { memory } and returns them by name.',
  parseImport,
)

/** Which versions stay, beside their number. */
export const retentionOptions = grouped('Checkpoints', {
  'keep-for': value(
    'TIME',
    'Remove versions that are older than TIME (12h, 7d), unless another of these rules keeps them.',
    parseLongDuration,
  ),
  thin: flag(
    'Keep all versions of the last hour, of the last day one an hour, of the last week one a day, and no older ones.',
  ),
})

/** What `run` and `restore` have in common: when checkpoints are taken and what becomes of the session. */
export const snapshotOptions = grouped('Checkpoints', {
  signal: value(
    'NAME',
    'The signal that takes a checkpoint and stops the session. Default: TSTP, which is Ctrl-Z.',
    parseSignal,
  ),
  'snapshot-on': list(
    'WHEN',
    'Take a checkpoint and go on: at "call:N" (the N-th WASI call), at "first-stdin" (the first read of stdin), when ' +
      '"idle" (each time the guest begins to wait), or on "signal" (Ctrl-Z or --signal, which then no longer stops).',
    parseTrigger,
  ),
  'snapshot-interval': value('TIME', 'Take a checkpoint every TIME (500ms, 10s, 5m) and go on.', parseDuration),
  'stop-after-snapshot': flag('Stop the session after the first checkpoint, whatever caused it.'),
  torture: value(
    'K',
    'Test: at every K-th call capture, encode, decode into a fresh instance, and go on there.',
    parseCount,
  ),
  'max-file-bytes': value(
    'SIZE',
    'What a checkpoint carries at most of files that the program has written or holds open in directories of the host ' +
      '(64k, 1G); 0 leaves their contents out. More is refused. Default: 256 MB.',
    parseSize,
  ),
  'no-osr': flag(
    'Never resume the stack in place by itself. That is done now and then while the program computes (on-stack replacement), ' +
      'takes some milliseconds, and makes long loops faster.',
  ),
  keep: optional(
    'N',
    'Keep the session’s checkpoints when it ends by itself; otherwise it leaves nothing behind. With N: the newest N, and ' +
      'older ones are removed as soon as there are more.',
    parseCount,
  ),
  ...retentionOptions,
})

/** How the call log is kept. */
export const logOptions = grouped('Call log', {
  'no-log': flag('Keep no call log: after a crash the session goes on from its last checkpoint.'),
  durable: flag('Flush the log to the disk before each effect: power loss loses nothing either.'),
  'max-recovery': value(
    'TIME',
    'Take a checkpoint by itself when a crash would make more than TIME of work necessary to do again. Default: 5s.',
    parseDuration,
  ),
  'keep-log': flag('Keep the log of what came before the last checkpoints too, to look at it and to go back.'),
  strace: flag('Show every call on stderr.'),
})

export const engineOption = value(
  'ENGINE',
  '"instrumented" can be checkpointed; "log-only" runs the module’s own code, and is resumed by making the calls of its ' +
    'log again. Default: instrumented, and log-only for modules that it cannot take.',
  oneOf(['instrumented', 'log-only'], 'engine'),
)

export const pollsOption = value(
  'WHERE',
  'Where a guest that computes without making calls can be stopped: "none", "default" (loops that contain loops or ' +
    'calls; costs about 1 %), or "all" loops (costs 10-30 %).',
  oneOf(['none', 'default', 'all'], 'kind of polls'),
)
