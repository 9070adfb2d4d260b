import { guestModule } from '../../guest-abi/abi.ts'
import { guestCalls } from '../../guest-abi/calls.ts'
import type { AbiName } from '../abi.ts'
import type { Call } from '../context.ts'
import { clockCalls } from './clock.ts'
import { descriptorCalls } from './descriptor.ts'
import { directoryCalls } from './directory.ts'
import { fileCalls } from './file.ts'
import { openCalls } from './open.ts'
import { pathCalls } from './path.ts'
import { pollCalls, unstablePollCalls } from './poll.ts'
import { processCalls } from './process.ts'
import { readWriteCalls } from './read-write.ts'
import { socketCalls } from './socket.ts'

const standard: Readonly<Record<string, Call>> = {
  ...processCalls,
  ...clockCalls,
  ...readWriteCalls,
  ...descriptorCalls,
  ...fileCalls,
  ...directoryCalls,
  ...openCalls,
  ...pathCalls,
  ...pollCalls,
  ...socketCalls,
}

/** The kernel's calls by ABI and name; the table in abi.ts says what their parameters are. */
export const calls: Readonly<Record<AbiName, Readonly<Record<string, Call>>>> = {
  wasi_snapshot_preview1: standard,
  wasi_unstable: { ...standard, ...unstablePollCalls },
}

/** The call of an import that has a row. */
export function findCall(module: string, name: string): Call | undefined {
  return module === guestModule ? guestCalls[name] : calls[module as AbiName][name]
}
