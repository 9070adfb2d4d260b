// CPython writing files in many ways (test/programs/guest/archive.py), in sessions of a store on the disk.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDirectory } from '../../host-node/directory.ts'
import { openStore } from '../../host-node/open-store.ts'
import { type NodeStartOptions, Session } from '../../host-node/sessions.ts'
import { decodeCheckpoint } from '../../runtime/image/decode.ts'
import type { Checkpoint } from '../../runtime/image/model.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import { checkpointFiles } from '../../runtime/session/files/checkpoint-files.ts'
import { exportFiles } from '../../runtime/session/files/export-files.ts'
import { parseAddress } from '../../runtime/store/address.ts'
import { loadCheckpoint } from '../../runtime/store/checkpoints.ts'
import type { Store } from '../../runtime/store/store.ts'
import { listTree } from '../programs/prepare.ts'
import { program } from '../programs/programs.ts'

export const python = program('cpython')

export type Files = Readonly<Record<string, string>>

/** What the program finds: it makes all but the first itself where they are missing. */
export const given: Files = {
  'given.txt': 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n',
  'old.txt': 'old',
  'changed.txt': '0123456789',
  'stays/deep/file.txt': 'stays',
}
export const least: Files = { 'given.txt': given['given.txt']! }

export interface ArchiveWorld {
  readonly base: string
  readonly store: Store
  output: string
  events: SessionEvent[]
  folder(name: string, files?: Files): string
  readonly scripts: { readonly host: string; readonly guest: string }
  /** Streams and cache. */
  common(): Pick<NodeStartOptions, 'stdout' | 'stderr' | 'stdin' | 'cache' | 'onEvent' | 'maxRecovery'>
  start(options: Partial<NodeStartOptions>): Promise<Session>
  image(address: string): Promise<Checkpoint>
  /** Everything of a checkpoint's /data, as a test program's outcome shows files. */
  taken(address: string, from?: Store): Promise<Record<string, string>>
  dispose(): void
}

export async function archiveWorld(): Promise<ArchiveWorld> {
  const base = mkdtempSync(join(tmpdir(), 'stasis-archive-'))
  const store = await openStore(`file:${join(base, '.stasis')}`)
  const scripts = join(base, 'scripts')
  mkdirSync(scripts)
  cpSync(new URL('../programs/guest/archive.py', import.meta.url), join(scripts, 'archive.py'))
  let count = 0
  const world: ArchiveWorld = {
    base,
    store,
    output: '',
    events: [],
    scripts: { host: scripts, guest: '/scripts' },
    folder: (name, files = {}) => {
      const path = join(base, name)
      mkdirSync(path)
      for (const [file, content] of Object.entries(files)) {
        mkdirSync(join(path, file, '..'), { recursive: true })
        writeFileSync(join(path, file), content)
      }
      return path
    },
    common: () => ({
      // A busy machine would take keyframes between the checkpoints that are looked at.
      maxRecovery: 600_000,
      stdout: (bytes: Uint8Array) => {
        world.output += new TextDecoder().decode(bytes)
      },
      stderr: () => undefined,
      stdin: 'empty' as const,
      cache: join(tmpdir(), 'stasis-test-cache'),
      onEvent: (event: SessionEvent) => {
        world.events.push(event)
      },
    }),
    start: (options) =>
      Session.start({
        module: python.path,
        args: ['python', '/scripts/archive.py', '/data'],
        env: { PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1' },
        store,
        name: 'calc',
        ...world.common(),
        ...options,
      }),
    image: async (address) => decodeCheckpoint((await loadCheckpoint(store, parseAddress(address))).bytes),
    taken: async (address, from = store) => {
      const { bytes } = await loadCheckpoint(from, parseAddress(address))
      const to = join(base, `taken-${count++}`)
      mkdirSync(join(to, 'data'), { recursive: true })
      const fs = openDirectory(to)
      exportFiles(checkpointFiles(decodeCheckpoint(bytes)), fs, false)
      fs.close?.()
      return listTree(join(to, 'data'), '/data')
    },
    dispose: () => rmSync(base, { recursive: true, force: true }),
  }
  return world
}
