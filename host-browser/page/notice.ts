import { plural } from '../../runtime/inspect/format.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'

/** A sentence for the reader, with what can be done about it. */
export interface Notice {
  readonly look: 'plain' | 'warn' | 'bad'
  /** The first words, where they say what it is about. */
  readonly title?: string
  readonly text: string
  /** Notices of one topic replace each other. */
  readonly topic: string
  readonly actions?: readonly { readonly label: string; readonly run: () => void }[]
  /** Milliseconds after which it goes by itself. */
  readonly lasts?: number
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Whoever asked is told in person. */
const ownCauses: ReadonlySet<string> = new Set(['request', 'leave', 'hand-over'])

/** What is said of an event; undefined where the page shows it otherwise. */
export function noticeOf(event: SessionEvent): Notice | undefined {
  switch (event.kind) {
    case 'refused': {
      if (ownCauses.has(event.cause)) return undefined
      const title = event.cause === 'end' ? 'Not all could be removed.' : 'No checkpoint was taken.'
      return { look: 'bad', topic: 'checkpoint', title, text: event.error.message }
    }
    case 'recovered': {
      const { from, to, repeated, loss } = event
      if (to === from && repeated === undefined && loss === undefined) return undefined
      const again = repeated === undefined ? '' : ' What it wrote last may be seen twice.'
      const lost = loss === undefined ? '' : ` What followed in ${loss.segment} is lost: ${loss.reason}.`
      const text = `${plural(to - from, 'call')} behind the checkpoint came back from the call log.${again}${lost}`
      return { look: loss === undefined ? 'plain' : 'warn', topic: 'recovered', title: 'Resumed.', text, lasts: 6000 }
    }
    case 'fellBack':
      return {
        ...{ look: 'warn', topic: 'recovered', title: `Resumed from ${event.to}.` },
        text: `The newest state cannot be used: ${event.error.message}`,
      }
    case 'logFull':
      return event.waiting
        ? {
            look: 'bad',
            topic: 'full',
            title: 'There is no room for the call log.',
            text: `${event.reason} The program waits until there is: remove sessions, or end it.`,
          }
        : { look: 'plain', topic: 'full', title: 'There is room again.', text: 'The program goes on.', lasts: 4000 }
    case 'engine':
      return event.reason === undefined
        ? undefined
        : {
            look: 'warn',
            topic: 'engine',
            title: 'Without checkpoints:',
            text: `this program is brought back by its call log alone. ${event.reason}`,
          }
    default:
      return undefined
  }
}
