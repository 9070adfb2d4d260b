import type { Call } from '../context.ts'
import { clockCalls } from './clock.ts'
import { descriptorCalls } from './descriptor.ts'
import { openCalls } from './open.ts'
import { processCalls } from './process.ts'
import { readWriteCalls } from './read-write.ts'

/** The kernel's calls by name; the table in abi.ts says what their parameters are. */
export const calls: ReadonlyMap<string, Call> = new Map(
  [processCalls, clockCalls, readWriteCalls, descriptorCalls, openCalls].flatMap((group) => Object.entries(group)),
)
