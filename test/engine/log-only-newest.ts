// Checks every fixture under the log-only engine and prints, as JSON, what is wrong. Run by log-only.test.ts on the newest Node.
import { prepareLogOnly } from '../../runtime/engine/log-only.ts'
import { prelink } from '../../wasm-shim/prelink/index.ts'
import { ExitSignal } from '../../wasm-shim/wasi/host.ts'
import { gcGuest } from '../support/gc-guest.ts'
import { checkLogOnly } from './check-log-only.ts'
import { everywhere, onNewest } from './fixtures/index.ts'

const problems: Record<string, string[]> = {}
for (const fixture of [...everywhere, ...onNewest])
  try {
    problems[fixture.name] = checkLogOnly(fixture)
  } catch (error) {
    problems[fixture.name] = [String((error as Error).stack)]
  }
problems['garbage collection and typed function references'] = checkGarbageCollection()

/** It reads three bytes and the end, and exits with 3. */
function checkGarbageCollection(): string[] {
  const bytes = gcGuest()
  const problems: string[] = []
  try {
    prelink(bytes)
    problems.push('the pre-linker takes it: this guest tests nothing')
  } catch {}
  let left = 4
  let written = 0
  const engine = prepareLogOnly(bytes)({
    shouldCapture: () => false,
    link:
      ({ name }) =>
      (...args) => {
        if (name === 'proc_exit') throw new ExitSignal(args[0])
        if (name === 'fd_write') written++
        else new DataView(engine.memory().buffer).setUint32(args[3], --left > 0 ? 1 : 0, true)
        return 0
      },
  })
  const outcome = JSON.stringify([engine.run({ kind: 'export', name: '_start' }), written])
  if (outcome !== '[{"kind":"exited","code":3},3]') problems.push(outcome)
  return problems
}

process.stdout.write(JSON.stringify(problems))
