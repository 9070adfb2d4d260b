import { describeLog, type LogReport, reportLog } from '../../../runtime/inspect/log-report.ts'
import { sessionFolder } from '../../../runtime/store/session-log.ts'
import { loadStart } from '../../../runtime/store/start-record.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { decodeState } from '../../../wasm-shim/wasi/saved-state.ts'
import { formatSize, formatTime, printable } from '../format.ts'
import { shellJoin } from '../mounts.ts'
import type { Terminal } from '../terminal.ts'
import { factPrinter } from './print-module.ts'

/** What `stasis inspect NAME` says of a session that has a call log and no checkpoint. */
export interface StartReport {
  readonly kind: 'start'
  readonly session: string
  readonly location: string
  /** Milliseconds since the epoch at which it began. */
  readonly time: number
  readonly module: { readonly sha256: string; readonly size: number; readonly name: string }
  readonly args: readonly string[]
  /** Names only: values may be secrets. */
  readonly env: readonly string[]
  /** Exit code of a program that has ended. */
  readonly ended: number | null
  readonly log: LogReport | null
}

/** undefined where there is no such session. */
export async function reportStart(store: Store, session: string): Promise<StartReport | undefined> {
  const start = await loadStart(store, session)
  if (start === undefined) return undefined
  const { id, time, module, ended = null } = start
  const { args, env } = decodeState(start.kernel)
  const { sha256, size, name } = module
  return {
    kind: 'start',
    session,
    location: store.locate(`${sessionFolder(session)}start.cbor`),
    time,
    module: { sha256, size, name },
    args,
    env: env.map(([key]) => key),
    ended,
    log: (await reportLog(store, session, { id, calls: 0, time })) ?? null,
  }
}

export function printStart(report: StartReport, terminal: Terminal): string {
  const fact = factPrinter(terminal)
  return [
    terminal.style('bold', printable(report.session)),
    fact('file', report.location),
    fact('began', formatTime(report.time)),
    ...(report.ended === null ? [] : [fact('ended', `with code ${report.ended}`)]),
    fact('module', printable(`${report.module.name}, ${formatSize(report.module.size)}`)),
    fact('', `sha256 ${report.module.sha256}`),
    fact('command', printable(shellJoin(report.args))),
    fact('environment', printable(report.env.join(' ')) || 'empty'),
    fact('checkpoints', 'none yet'),
    ...(report.log === null ? [] : describeLog(report.log).map(([label, text]) => fact(label, text))),
  ].join('\n')
}
