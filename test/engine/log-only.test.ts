import { describe, expect, test } from 'vitest'
import { prepareLogOnly } from '../../runtime/engine/log-only.ts'
import { isStasisError, StasisError } from '../../wasm-shim/errors.ts'
import { ExitSignal, WaitInterrupted } from '../../wasm-shim/wasi/host.ts'
import { onNewest as runOnNewest, withoutNewest } from '../support/on-newest.ts'
import { titled } from '../support/titled.ts'
import { assemble } from './assemble.ts'
import { checkLogOnly } from './check-log-only.ts'
import { everywhere, onNewest } from './fixtures/index.ts'

describe('a module under the log-only engine does as it does alone', () => {
  test.each(everywhere.map((fixture) => [fixture.name, fixture] as const))('%s', (_, fixture) => {
    expect(checkLogOnly(fixture)).toEqual([])
  })

  let problems: Record<string, string[]> | undefined
  const reason = withoutNewest()
  describe.skipIf(reason !== undefined)(titled('on the newest Node', reason), () => {
    const gc = 'garbage collection and typed function references'
    test.each([...[...everywhere, ...onNewest].map(({ name }) => name), gc])('%s', { timeout: 60_000 }, (name) => {
      problems ??= runOnNewest(new URL('log-only-newest.ts', import.meta.url)) as Record<string, string[]>
      expect(problems[name]).toEqual([])
    })
  })
})

const module = (text: string) => assemble({ name: 'module', text })
const neverCapture = { shouldCapture: () => false }
const run = { kind: 'export', name: 'run' } as const

/** Catches whatever WebAssembly lets it catch, and returns 1 then. */
const catcher = module(`(module (import "env" "f" (func $f (param i32)))
  (memory (export "memory") 1)
  (func (export "run") (result i32) try (call $f (i32.const 5)) catch_all (return (i32.const 1)) end (i32.const 0)))`)

test('no catch_all swallows an exit or a failure of the host', () => {
  const exits = prepareLogOnly(catcher)({
    ...neverCapture,
    link: () => (code: number) => {
      throw new ExitSignal(code)
    },
  })
  expect(exits.run(run)).toEqual({ kind: 'exited', code: 5 })
  const error = new StasisError('STASIS_TEST', 'The disk is full.')
  const fails = prepareLogOnly(catcher)({
    ...neverCapture,
    link: () => () => {
      throw error
    },
  })
  expect(fails.run(run)).toEqual({ kind: 'trapped', error })
})

test('a capture is refused, and the call is made', () => {
  const refused: string[] = []
  let calls = 0
  const engine = prepareLogOnly(catcher)({
    link: () => () => {
      calls++
    },
    shouldCapture: () => true,
    onRefused: ({ code }) => refused.push(code),
  })
  expect(engine.run(run)).toEqual({ kind: 'returned', value: 0 })
  expect([refused, calls]).toEqual([['STASIS_CAPTURE_LOG_ONLY'], 1])
  for (const attempt of [() => engine.save(), () => engine.resume({} as never), () => engine.restore({} as never)]) {
    expect(codeOf(attempt)).toBe('STASIS_CAPTURE_LOG_ONLY')
  }
})

test('a wait that gives way is refused and made again', () => {
  let calls = 0
  const engine = prepareLogOnly(catcher)({
    ...neverCapture,
    link: () => () => {
      if (calls++ === 0) throw new WaitInterrupted()
    },
  })
  expect(engine.run(run)).toEqual({ kind: 'returned', value: 0 })
  expect(calls).toBe(2)
})

test('what onRefused throws ends the run before the call is made', () => {
  const error = new Error('stopped')
  let calls = 0
  const engine = prepareLogOnly(catcher)({
    link: () => () => calls++,
    shouldCapture: () => true,
    onRefused: () => {
      throw error
    },
  })
  expect(engine.run(run)).toEqual({ kind: 'trapped', error })
  expect(calls).toBe(0)
})

test('the start function runs when asked to, and its calls find a memory that the module hides', () => {
  const bytes = module(`(module (import "env" "f" (func $f)) (memory 1) (func $s
    (i32.store8 (i32.const 3) (i32.const 7)) (call $f)) (start $s) (func (export "run")))`)
  let seen: number | undefined
  const engine = prepareLogOnly(bytes)({
    ...neverCapture,
    link: () => () => {
      seen = new Uint8Array(engine.memory().buffer)[3]
    },
  })
  expect([engine.hasStart, engine.exports(), seen]).toEqual([true, ['run'], undefined])
  expect(engine.run({ kind: 'start' })).toEqual({ kind: 'returned', value: undefined })
  expect(seen).toBe(7)
})

test('a module that is cut anywhere is an error with a sentence', () => {
  for (let length = 0; length < catcher.length; length++) {
    const code = codeOf(() => prepareLogOnly(catcher.subarray(0, length)))
    expect(['STASIS_MODULE_MALFORMED', 'STASIS_MODULE_INVALID', 'STASIS_MODULE_UNSUPPORTED', undefined]).toContain(code)
  }
})

/** undefined where it does not fail: a module cut between two sections may be one. */
function codeOf(attempt: () => unknown): string | undefined {
  try {
    attempt()
    return undefined
  } catch (error) {
    if (isStasisError(error)) return error.code
    throw error
  }
}
