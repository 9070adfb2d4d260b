import type { MountGrant as SessionGrant } from '../../runtime/session/messages.ts'
import type { CommonOptions } from '../../runtime/session/options.ts'
import type { RetentionRules } from '../../runtime/store/kept.ts'
import type { Store } from '../../runtime/store/store.ts'
import { Session } from '../sessions.ts'
import { whereMoved } from '../transfer/where-moved.ts'
import { formatMount, type MemoryGrant, type MountGrant } from './mounts.ts'
import type { Values } from './options.ts'
import { programWords } from './program-name.ts'
import { reportEvents } from './report-events.ts'
import type { logOptions, snapshotOptions } from './session-options.ts'
import type { StorePlace } from './store-place.ts'
import type { SuperviseOptions } from './supervise.ts'
import type { Terminal } from './terminal.ts'

type SnapshotValues = Values<typeof snapshotOptions & typeof logOptions> & {
  readonly dir: readonly MountGrant[]
  readonly import: readonly (readonly [string, string])[]
  /** Only where a session begins: what is restored has them already. */
  readonly mem?: readonly MemoryGrant[]
}

function toGrant({ host, guest, readOnly, overlay }: MountGrant): SessionGrant {
  return overlay ? { host, guest, overlay } : { host, guest, readOnly }
}

/** What `run` and `restore` tell Session alike. */
export function sessionOptions(values: SnapshotValues, terminal: Terminal): CommonOptions {
  return {
    mounts: [...values.dir.map(toGrant), ...(values.mem ?? [])],
    triggers: values['snapshot-on'].filter((trigger) => trigger.kind !== 'signal'),
    stopAfterSnapshot: values['stop-after-snapshot'],
    keep: values.keep !== false,
    retention: retentionOf(values),
    ...(values.codec !== undefined && { codec: values.codec }),
    log: !values['no-log'],
    osr: !values['no-osr'],
    durable: values.durable,
    keepLog: values['keep-log'],
    strace: values.strace,
    ...(values['max-recovery'] !== undefined && { maxRecovery: values['max-recovery'] }),
    ...(values['max-file-bytes'] !== undefined && { maxFileBytes: values['max-file-bytes'] }),
    ...(values.torture !== undefined && { torture: values.torture }),
    onEvent: reportEvents(terminal),
  }
}

/** `--keep N`, `--keep-for` and `--thin`. */
export function retentionOf(values: {
  readonly keep: number | boolean
  readonly 'keep-for': number | undefined
  readonly thin: boolean
}): RetentionRules {
  return {
    ...(typeof values.keep === 'number' && { keep: values.keep }),
    ...(values['keep-for'] !== undefined && { keepFor: values['keep-for'] }),
    ...(values.thin && { thin: true }),
  }
}

/** What `run` and `restore` do alike on this side. */
export function superviseOptions(
  values: SnapshotValues,
  session: {
    readonly module: string
    readonly place: StorePlace
    readonly store: Store
    readonly terminal: Terminal
    readonly preparing: string
  },
): SuperviseOptions {
  const { module, place, store, terminal, preparing } = session
  const interval = values['snapshot-interval']
  return {
    storeId: place.id,
    module,
    terminal,
    preparing,
    signal: values.signal ?? 'SIGTSTP',
    stopOnSignal: !values['snapshot-on'].some((trigger) => trigger.kind === 'signal'),
    ...(interval !== undefined && { interval }),
    stopAfterSnapshot: values['stop-after-snapshot'],
    moved: (name) => whereMoved(store, name),
    goOn: (name) =>
      Session.restore(store, name, {
        ...sessionOptions({ ...values, mem: [] }, terminal),
        imports: Object.fromEntries(values.import),
        // What was shown is on the terminal still.
        shownLines: 0,
        files: 'keep',
      }),
    resume: (name) => [
      ...programWords(),
      'restore',
      name,
      ...place.words,
      ...values.dir.flatMap((mount) => ['--dir', formatMount(mount)]),
    ],
  }
}
