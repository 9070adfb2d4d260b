import type { OutputSink } from './spawn.ts'

/** Shows whole lines on the page's console. */
export function consoleSink(how: 'log' | 'error'): OutputSink {
  const decoder = new TextDecoder()
  let line = ''
  return (bytes) => {
    const lines = (line + decoder.decode(bytes, { stream: true })).split('\n')
    line = lines.pop() ?? ''
    for (const whole of lines) console[how](whole)
  }
}
