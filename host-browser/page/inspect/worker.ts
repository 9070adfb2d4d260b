/** Reads checkpoints and logs of a store for the page. Questions are answered one after the other. */
import { decodeCheckpoint } from '../../../runtime/image/decode.ts'
import type { Checkpoint } from '../../../runtime/image/model.ts'
import { reportCheckpoint } from '../../../runtime/inspect/checkpoint-report.ts'
import { mapMemory } from '../../../runtime/inspect/memory-map.ts'
import { readStackNames, type StackNames } from '../../../runtime/inspect/stack-names.ts'
import { loadCheckpoint, loadModule } from '../../../runtime/store/checkpoints.ts'
import type { Store } from '../../../runtime/store/store.ts'
import { type PollMode, prelink } from '../../../wasm-shim/prelink/index.ts'
import { openStore } from '../../open-store.ts'
import { readCalls } from './calls.ts'
import { listFiles, readFile } from './files.ts'
import { readGroups } from './groups.ts'
import type { Answered, Answers, Asked, Questions } from './messages.ts'

type Answerers = {
  readonly [K in keyof Questions]: (store: Store, session: string, question: Questions[K]) => Promise<Answers[K]>
}

/** An image may have hundreds of megabytes: the last two are at hand. */
const kept: { key: string; checkpoint: Checkpoint; location: string; size: number }[] = []
let names: { readonly key: string; readonly names: StackNames } | undefined

async function load(store: Store, name: string, version: number) {
  const key = `${store.url} ${name}@${version}`
  const known = kept.find((one) => one.key === key)
  if (known !== undefined) return known
  const { bytes, location } = await loadCheckpoint(store, { name, version })
  const loaded = { key, checkpoint: decodeCheckpoint(bytes), location, size: bytes.length }
  kept.unshift(loaded)
  kept.length = Math.min(kept.length, 2)
  return loaded
}

/** Pre-linking a large module takes a second; undefined where the module is not in the store, or refused. */
async function namesOf(store: Store, sha256: string, polls: PollMode): Promise<StackNames | undefined> {
  const key = `${sha256} ${polls}`
  if (names?.key === key) return names.names
  const module = await loadModule(store, sha256)
  if (module === undefined) return undefined
  try {
    names = { key, names: readStackNames(module, prelink(module, { polls }).bytes) }
    return names.names
  } catch {
    return undefined
  }
}

const memoriesOf = (checkpoint: Checkpoint): readonly Uint8Array[] =>
  checkpoint.instances.flatMap(({ memories }) => memories.map(({ bytes }) => bytes))

const answers: Answerers = {
  report: async (store, session, { version, before, cells }) => {
    const { checkpoint, location, size } = await load(store, session, version)
    const other = before === undefined ? undefined : memoriesOf((await load(store, session, before)).checkpoint)
    const found = await namesOf(store, checkpoint.module.sha256, checkpoint.prelink.polls)
    return {
      report: reportCheckpoint({ checkpoint, version, location, size, ...(found && { names: found }) }),
      maps: memoriesOf(checkpoint).map((memory, i) => mapMemory(memory, other?.[i], cells)),
      files: listFiles(checkpoint.kernel),
    }
  },
  calls: readCalls,
  groups: readGroups,
  file: async (store, session, { version, mount, path }) => {
    const { checkpoint } = await load(store, session, version)
    return { bytes: readFile(checkpoint.kernel, mount, path) }
  },
}

let work: Promise<void> = Promise.resolve()

self.onmessage = ({ data }: MessageEvent<Asked>) => {
  work = work.then(async () => {
    let answered: Answered
    try {
      const store = await openStore(data.store)
      const answer = answers[data.kind] as (
        store: Store,
        session: string,
        question: unknown,
      ) => Promise<Answers[keyof Answers]>
      answered = { id: data.id, answer: await answer(store, data.session, data.question) }
    } catch (error) {
      answered = { id: data.id, error: error instanceof Error ? error.message : String(error) }
    }
    self.postMessage(answered)
  })
}
