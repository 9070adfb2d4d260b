import { once } from 'node:events'
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Where a command writes. stdout is for results (and the guest's); what we say to the person goes to stderr. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Bytes for stdout, as they are. Absent where there is only text. */
  bytes?(bytes: Uint8Array): void
  /** Resolves when stdout takes more. Absent where it always does. */
  drained?(): Promise<void>
  readonly columns: number
  /** Whether a person watches stderr, so that a progress line can be drawn and wiped. */
  readonly interactive: boolean
  style(style: Style, text: string, stream?: 'out' | 'err'): string
}

/** Colour only on a terminal, and never against NO_COLOR (no-color.org) or TERM=dumb. */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0') return true
  return stream.isTTY === true && env.TERM !== 'dumb'
}

export function processTerminal(): Terminal {
  const colour = { out: wantsColour(process.stdout, process.env), err: wantsColour(process.stderr, process.env) }
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    bytes: (bytes) => void process.stdout.write(bytes),
    drained: async () => {
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
    },
    // A terminal that was not told its size says 0.
    columns: Math.min(process.stdout.columns || 80, 100),
    interactive: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    style: (style, text, stream = 'out') => (colour[stream] ? styleText(style, text, { validateStream: false }) : text),
  }
}
