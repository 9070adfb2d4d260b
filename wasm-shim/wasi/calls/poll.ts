import { sameBytes } from '../../bytes/arrays.ts'
import { type Call, type Context, descriptorAt } from '../context.ts'
import { Errno } from '../errno.ts'
import { ClockId, EventRwFlags, EventType, SubClockFlags } from '../flags.ts'
import { event, type Layout, subscription, subscriptionUnstable } from '../layout.ts'
import { type RecordValue, readRecord, writeRecord } from '../record.ts'
import type { InterruptedPoll, KernelState } from '../state.ts'

/** More subscriptions than this are refused: no program watches more than it can have descriptors and timers. */
const maxSubscriptions = 65_536

type Subscription =
  | { readonly kind: 'error'; readonly userdata: bigint; readonly type: number; readonly error: number }
  /** `deadline` on the guest's monotonic clock, or on `realtime` for an absolute time of day. */
  | { readonly kind: 'clock'; readonly userdata: bigint; readonly realtime: boolean; readonly deadline: bigint }
  | { readonly kind: 'read' | 'write'; readonly userdata: bigint; readonly fd: number }

type Event = RecordValue

/** `interrupted` is recorded in the state before the call gives way, so that the remade call waits for the rest only. */
export type Polled = { readonly nevents: number } | { readonly interrupted: InterruptedPoll }

function parse(context: Context, at: number, layout: Layout, since: bigint): Subscription {
  const record = readRecord(context.memory, at, layout)
  const userdata = record.userdata as bigint
  const type = Number(record.tag)
  if (type === EventType.fd_read || type === EventType.fd_write) {
    return { kind: type === EventType.fd_read ? 'read' : 'write', userdata, fd: Number(record.fd) }
  }
  const id = Number(record.clock_id)
  const timeout = record.timeout as bigint
  const absolute = (Number(record.clock_flags) & SubClockFlags.abstime) !== 0
  if (type !== EventType.clock || id > ClockId.thread_cputime) {
    return { kind: 'error', userdata, type, error: Errno.EINVAL }
  }
  // Relative times of every clock pass as the monotonic one does.
  if (!absolute) return { kind: 'clock', userdata, realtime: false, deadline: since + timeout }
  if (id === ClockId.realtime || id === ClockId.monotonic) {
    return { kind: 'clock', userdata, realtime: id === ClockId.realtime, deadline: timeout }
  }
  // Processor time does not pass while waiting for it.
  return { kind: 'error', userdata, type, error: Errno.ENOTSUP }
}

/** The event of a subscription that holds now. */
function eventOf(context: Context, one: Subscription): Event | undefined {
  const { userdata } = one
  switch (one.kind) {
    case 'error':
      return { userdata, error: one.error, type: one.type }
    case 'clock': {
      const now = one.realtime ? context.host.clocks.realtime() : context.clocks.monotonic()
      return now >= one.deadline ? { userdata, type: EventType.clock } : undefined
    }
    case 'read': {
      const bytes = readable(context, one.fd)
      if (bytes === undefined) return undefined
      if (bytes < 0) return { userdata, error: -bytes, type: EventType.fd_read }
      return { userdata, type: EventType.fd_read, nbytes: bytes, rw_flags: bytes === 0 ? EventRwFlags.hangup : 0 }
    }
    case 'write': {
      const descriptor = descriptorAt(context, one.fd)
      const writable = descriptor?.kind === 'file' || (descriptor?.kind === 'stream' && descriptor.stream !== 0)
      return writable
        ? { userdata, type: EventType.fd_write, nbytes: 1 }
        : { userdata, error: Errno.EBADF, type: EventType.fd_write }
    }
  }
}

/** Bytes to read at once, 0 at the end, undefined when it must be waited for, or a negated errno. */
function readable(context: Context, fd: number): number | undefined {
  const descriptor = descriptorAt(context, fd)
  if (descriptor?.kind === 'stream' && descriptor.stream === 0) return context.streams[0].readable()
  if (descriptor?.kind !== 'file') return -Errno.EBADF
  const stat = context.handles[fd]!.stat()
  return typeof stat === 'number' ? stat : Math.max(0, Number(stat.size) - descriptor.offset)
}

/** How long to wait at most: until the earliest deadline. */
function timeoutOf(context: Context, subscriptions: readonly Subscription[]): bigint | undefined {
  let least: bigint | undefined
  for (const one of subscriptions) {
    if (one.kind !== 'clock') continue
    const now = one.realtime ? context.host.clocks.realtime() : context.clocks.monotonic()
    const rest = one.deadline > now ? one.deadline - now : 0n
    if (least === undefined || rest < least) least = rest
  }
  return least
}

function poll(context: Context, layout: Layout, input: number, output: number, count: number): Polled | number {
  const { memory, state } = context
  if (count === 0 || count > maxSubscriptions) return -Errno.EINVAL
  if (!memory.fits(input, count * layout.size) || !memory.fits(output, count * event.size)) return -Errno.EFAULT
  const bytes = memory.slice(input, count * layout.size)
  const since =
    state.poll !== null && sameBytes(state.poll.subscriptions, bytes) ? state.poll.since : context.clocks.monotonic()
  const subscriptions = Array.from({ length: count }, (_, i) => parse(context, input + i * layout.size, layout, since))
  const stdin = subscriptions.some((one) => one.kind === 'read' && context.state.fds[one.fd]?.kind === 'stream')
  for (;;) {
    const events = subscriptions.map((one) => eventOf(context, one)).filter((one) => one !== undefined)
    if (events.length > 0) {
      events.forEach((one, i) => {
        writeRecord(memory, output + i * event.size, event, one)
      })
      return { nevents: events.length }
    }
    const timeout = timeoutOf(context, subscriptions)
    if (context.host.wait(timeout === undefined ? { stdin } : { timeout, stdin }) === 'interrupted') {
      return { interrupted: { subscriptions: bytes.slice(), since } }
    }
  }
}

const pollCall = (layout: Layout): Call => ({
  perform: (context, input: number, output: number, count: number) => poll(context, layout, input, output, count),
  apply: (state: KernelState, outcome: Polled) => {
    state.poll = 'interrupted' in outcome ? outcome.interrupted : null
  },
})

export const pollCalls: Readonly<Record<string, Call>> = { poll_oneoff: pollCall(subscription) }
export const unstablePollCalls: Readonly<Record<string, Call>> = { poll_oneoff: pollCall(subscriptionUnstable) }
