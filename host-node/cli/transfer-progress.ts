import type { Progress } from '../../runtime/transfer/send-blobs.ts'
import { formatSize } from './format.ts'
import type { Terminal } from './terminal.ts'

/** Milliseconds between two drawings. */
const pace = 100
const barWidth = 24

export interface ProgressLine {
  readonly show: (progress: Progress) => void
  /** Wipes it, for what is said next. */
  readonly clear: () => void
}

/** A bar on stderr where a person watches; else nothing. */
export function progressLine(
  what: string,
  terminal: Terminal,
  write = (text: string) => void process.stderr.write(text),
): ProgressLine {
  if (!terminal.interactive) return { show: () => {}, clear: () => {} }
  const started = performance.now()
  let drawn = Number.NEGATIVE_INFINITY
  let isShown = false
  return {
    show: ({ done, total }) => {
      const now = performance.now()
      if (now - drawn < pace && done < total) return
      drawn = now
      isShown = true
      const filled = total === 0 ? barWidth : Math.min(barWidth, Math.round((barWidth * done) / total))
      const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled)
      const rate = formatSize(Math.round((done * 1000) / Math.max(1, now - started)))
      write(`\r\x1b[K${what} ${bar} ${formatSize(done)} of ${formatSize(total)}, ${rate}/s`)
    },
    clear: () => {
      if (isShown) write('\r\x1b[K')
      isShown = false
    },
  }
}
