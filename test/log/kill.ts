import { openDirectory } from '../../host-node/directory.ts'
import type { ImportFunction, ImportSite, Interceptor } from '../../runtime/intercept/interceptor.ts'
import { record } from '../../runtime/intercept/record.ts'
import { recover } from '../../runtime/intercept/recover.ts'
import { MemoryChunkStore } from '../../runtime/log/chunks.ts'
import { openLog } from '../../runtime/log/reader.ts'
import { LogWriter } from '../../runtime/log/writer.ts'
import type { CarriedRegion, GuestState } from '../../wasm-shim/guest-abi/state.ts'
import { Kernel, type Mount } from '../../wasm-shim/wasi/kernel.ts'
import { decodeState } from '../../wasm-shim/wasi/saved-state.ts'
import type { ProgramCase } from '../programs/cases.ts'
import type { Prepared } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'
import { createTestHost } from '../support/test-host.ts'
import { runGuest, testSession } from './guest-run.ts'

/** Where a process dies: before or after the `call`-th call of the kernel, counted from 0 in that process. */
export interface Kill {
  readonly call: number
  readonly when: 'before' | 'after'
}

/** What outlives a process: the log, and what the terminal shows. */
export class Survivor {
  #blocks: Uint8Array[] = []
  readonly chunks = new MemoryChunkStore()
  /** Output by process. */
  readonly shown: string[] = []

  get log(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#blocks))
  }

  get processes(): number {
    return this.shown.length
  }

  append(block: Uint8Array): void {
    this.#blocks.push(block.slice())
  }

  cut(bytes: number): void {
    this.#blocks = [this.log.slice(0, bytes)]
  }
}

class Killed extends Error {}

export interface ProcessResult {
  /** undefined where it was killed. */
  readonly exitCode: number | undefined
  /** Calls made of the kernel, replayed ones not counted. */
  readonly calls: number
  readonly replayed: number
  /** What the functions of the module `stasis` have left in the kernel's state. */
  readonly guest: GuestState | undefined
}

/** Runs a program in the state that the processes before have left, until its end or until it is killed. */
export function runProcess(
  each: ProgramCase,
  prepared: Prepared,
  survivor: Survivor,
  kill?: Kill,
  carried: readonly CarriedRegion[] = [],
): ProcessResult {
  let isDead = false
  let calls = 0
  let replayed = 0
  const stdinRead = { bytes: 0 }
  const host = createTestHost({ stdin: each.stdin, seed: survivor.processes + 1, monotonic: 7_000_000_000n })
  const mounts = prepared.mounts.map((mount): Mount => {
    const fs = openDirectory(mount.host, { readOnly: false })
    return { guest: mount.guest, kind: 'host', fs, source: mount.host, readOnly: false }
  })
  // Who dies before the first block begins anew.
  const isRecovery = survivor.log.length > 0
  const kernel = Kernel.create(
    {
      args: [program(each.program).argv0, ...each.args],
      env: Object.entries(each.env),
      mounts,
      carried,
      notes: true,
      replay: isRecovery,
    },
    host,
  )
  const sink = (block: Uint8Array) => {
    if (!isDead) survivor.append(block)
  }
  const { chunks } = survivor
  const killing: Interceptor = (next) => {
    return (...args) => {
      // A replayed call that changes the kernel's state is no call of the host.
      if (isReplaying) return next(...args)
      const mine = kill?.call === calls++
      if (mine && kill.when === 'before') die()
      const outcome = next(...args)
      if (mine) die()
      return outcome
    }
  }
  const die = (): never => {
    isDead = true
    throw new Killed()
  }
  let isReplaying = isRecovery
  const source = openLog([survivor.log])
  const common = { notes: (module: string, name: string) => kernel.notes(module, name) }
  const recording = (memory: () => WebAssembly.Memory): Interceptor => {
    if (!isRecovery) {
      return record(new LogWriter({ session: testSession, sink, chunks, blockSize: 512 }), { memory, ...common })
    }
    return recover(source, {
      ...common,
      memory,
      chunks,
      kernel,
      onCall: () => replayed++,
      goOn: ({ intent, name, note, words }) => {
        isReplaying = false
        kernel.endReplay(intent ? { name, note, words } : undefined)
        stdinRead.bytes = kernel.replayedStdin
        host.stdin.read(new Uint8Array(stdinRead.bytes))
        const resume = source.reader.resumePoint()
        survivor.cut(resume.bytes)
        return new LogWriter({ session: testSession, sink, chunks, blockSize: 512, resume })
      },
    })
  }
  const link = (site: ImportSite) => kernel.link(site.module, site.name) as ImportFunction
  let exitCode: number | undefined
  try {
    exitCode = runGuest(
      each.program,
      link,
      (memory) => [recording(memory), killing],
      (memory) => kernel.attach(memory),
    ).exitCode
  } catch (error) {
    if (!(error instanceof Killed)) throw error
  }
  survivor.shown.push(host.stdoutText())
  const { guest } = decodeState(kernel.save())
  kernel.close()
  return { exitCode, calls, replayed, guest }
}

/**
 * The outputs of all processes as one, each later one having repeated at most its first call's; undefined where that does
 * not give `expected`.
 */
export function joins(shown: readonly string[], expected: string): boolean {
  let at = 0
  for (const [process, text] of shown.entries()) {
    if (process === shown.length - 1) return isEnd(expected, at, text)
    if (!expected.startsWith(text, at) && !isRepeat(expected, at, text)) return false
    at = expected.startsWith(text, at) ? at + text.length : at
  }
  return true
}

function isEnd(expected: string, at: number, text: string): boolean {
  return text === expected.slice(at) || (text.length >= expected.length - at && expected.endsWith(text))
}

function isRepeat(expected: string, at: number, text: string): boolean {
  return expected.slice(0, at).endsWith(text)
}
