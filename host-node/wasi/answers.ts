import { compose, type ImportFunction, type ImportSite } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { replay } from '../../runtime/intercept/replay.ts'
import type { Kernel } from '../../wasm-shim/wasi/kernel.ts'
import { type CallLog, createWriter, MemoryLog, memoryLimit } from './call-log.ts'
import type { LogTarget } from './log-option.ts'
import { notStarted } from './node-errors.ts'
import { openReplay, type ReplayOption, replayEnded } from './replay-log.ts'

/** What answers a guest's calls: a kernel, recorded or not, or a log. */
export interface Answers {
  /** Asked once an import, when it is called for the first time. */
  link(site: ImportSite): ImportFunction
  callLog(): CallLog
  /** Hands to the log's target what it does not have yet. Absent where there is none. */
  commit?(): void
}

/** The guest's memory, which is known when it is started. */
export class MemoryPlace {
  memory: WebAssembly.Memory | undefined

  readonly get = (): WebAssembly.Memory => {
    if (this.memory === undefined) throw notStarted()
    return this.memory
  }
}

const linkKernel =
  (kernel: Kernel) =>
  ({ module, name }: ImportSite): ImportFunction =>
    kernel.link(module, name) as ImportFunction

export function answerUnrecorded(kernel: Kernel): Answers {
  const message = 'The option "log" is false. Leave it out to have calls recorded.'
  return { link: linkKernel(kernel), callLog: () => ({ kind: 'absent', reason: 'off', message }) }
}

/** Records to a target of the caller's. */
export function answerTo(target: LogTarget, kernel: Kernel, place: MemoryPlace): Answers {
  const writer = createWriter(target)
  const recorder = record(writer, { memory: place.get })
  const link = linkKernel(kernel)
  return {
    link: (site) => compose([recorder], link(site), site),
    callLog: () => {
      writer.commit()
      return { kind: 'elsewhere', calls: writer.calls }
    },
    commit: () => writer.commit(),
  }
}

/** Records in memory. `relink`: asks for all links anew, since the log has become too large and is gone. */
export function answerRecorded(
  kernel: Kernel,
  place: MemoryPlace,
  relink: () => void,
  limit: number = memoryLimit,
): Answers {
  let dropped: CallLog | undefined
  const log = new MemoryLog(() => {
    const message = `The call log was dropped after call ${writer.calls}, when it was larger than ${limit} bytes. Give the option "log" a target such as fileLog(path).`
    dropped = { kind: 'absent', reason: 'limit', message }
    relink()
  }, limit)
  const writer = createWriter(log)
  const recorder = record(writer, { memory: place.get })
  const link = linkKernel(kernel)
  return {
    link: (site) => (dropped === undefined ? compose([recorder], link(site), site) : link(site)),
    callLog: () => {
      if (dropped === undefined) writer.commit()
      const content = log.content()
      return content === undefined ? dropped! : { kind: 'recorded', calls: writer.calls, ...content }
    },
  }
}

/** Answers from a log, without any host. Throws what `openReplay` does. */
export function answerFromLog(option: ReplayOption, place: MemoryPlace): Answers {
  const { source, quirks, chunks, calls, atEnd } = openReplay(option)
  let ended: ReturnType<typeof replayEnded> | undefined
  const replayer = replay(source, {
    memory: place.get,
    chunks,
    quirks,
    onEnd: ({ call, intent }) => {
      ended = replayEnded(call, intent)
    },
  })
  const nobody = (): never => {
    throw ended
  }
  return {
    link: (site) => compose([replayer], nobody, site),
    callLog: () => ({ kind: 'replayed', calls: calls(), complete: atEnd() }),
  }
}
