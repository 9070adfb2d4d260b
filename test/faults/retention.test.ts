import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileStore } from '../../host-node/file-store.ts'
import { FileLogStorage } from '../../host-node/log-storage.ts'
import { chunkAddress } from '../../runtime/log/chunks.ts'
import { removeSegments } from '../../runtime/store/retention.ts'
import { segmentName } from '../../runtime/store/session-log.ts'
import { testSession } from '../log/guest-run.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stasis-retention-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const chunk = new Uint8Array(20_000).fill(7)
const address = Buffer.from(chunkAddress(chunk)).toString('hex')

/** The store, calling `turn` before each of its steps with the step's number. */
class StepwiseStore extends FileStore {
  steps = 0
  readonly #turn: (step: number) => void

  constructor(path: string, turn: (step: number) => void) {
    super(path)
    this.#turn = turn
  }

  #step(): void {
    this.#turn(this.steps++)
  }

  override async list(prefix: string) {
    this.#step()
    return super.list(prefix)
  }

  override async get(name: string) {
    this.#step()
    return super.get(name)
  }

  override async delete(name: string) {
    this.#step()
    return super.delete(name)
  }

  override async rename(from: string, to: string) {
    this.#step()
    return super.rename(from, to)
  }
}

/** Removes the first of two segments, while the second comes to need the same chunk before the given step. */
async function removeWhile(needed: number): Promise<{ readonly steps: number; readonly found: boolean }> {
  const path = join(directory, String(needed))
  let put: () => void = () => {}
  const store = new StepwiseStore(path, (step) => step === needed && put())
  const { path: place } = store.logPlace('s')
  const storage = new FileLogStorage({ kind: 'directory', path: place })
  mkdirSync(place, { recursive: true })
  const first = storage.open(segmentName(0, testSession), 0)
  first.append(Uint8Array.of(1))
  storage.chunks.put(address, chunk)
  first.close()
  const second = storage.open(segmentName(5, testSession), 0)
  second.append(Uint8Array.of(2))
  put = () => storage.chunks.put(address, chunk)
  await removeSegments(store, 's', ({ firstCall }) => firstCall === 0)
  second.close()
  return { steps: store.steps, found: storage.chunks.get(address) !== undefined }
}

test('a chunk that a running session comes to need again while it is removed is there afterwards', async () => {
  const { steps, found } = await removeWhile(Number.POSITIVE_INFINITY)
  expect(found).toBe(false)
  expect(steps).toBeGreaterThan(6)
  for (let step = 0; step < steps; step++) {
    expect((await removeWhile(step)).found, `needed before step ${step} of ${steps}`).toBe(true)
  }
})
