// One leg of a session's way over several hosts: it begins or goes on from an image, and is frozen at a call or ends. The same
// code runs in Node's processes and in pages.
import type { Session as NodeSession } from '../../host-node/sessions.ts'
import type { MemoryStore, saveCheckpoint, saveModule } from '../../runtime/index.ts'
import type { SessionEvent } from '../../runtime/session/events.ts'
import type { loadCheckpoint } from '../../runtime/store/checkpoints.ts'

/** What both hosts' entries have. */
export interface Stasis {
  readonly Session: Pick<typeof NodeSession, 'start' | 'restore'>
  readonly MemoryStore: typeof MemoryStore
  readonly saveModule: typeof saveModule
  readonly saveCheckpoint: typeof saveCheckpoint
  readonly loadCheckpoint: typeof loadCheckpoint
}

export interface LegRequest {
  /** Absolute path of the module. */
  readonly module: string
  readonly sha256: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Memory mounts by their guest's names, with texts by path. */
  readonly mounts: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly stdin: string
  /** Name of the image to go on from. */
  readonly image?: string
  /** Freeze before this call, counted from 1 over all legs. Absent: to the end. */
  readonly stopAt?: number
}

export interface LegResult {
  /** Name of the image, where it was frozen. */
  readonly image?: string
  /** Calls made until then. */
  readonly calls?: number
  readonly imageSize?: number
  readonly exitCode?: number
  readonly stdout: string
  readonly stderr: string
  /** Base64. */
  readonly files: Readonly<Record<string, string>>
  readonly milliseconds: number
}

/** How the leg's host reads and writes what is passed on. */
export interface LegPlace {
  module(path: string): Promise<Uint8Array>
  get(name: string): Promise<Uint8Array>
  put(name: string, bytes: Uint8Array): Promise<void>
}

const name = 'leg'

export async function runLeg(
  { Session, MemoryStore, saveModule, saveCheckpoint, loadCheckpoint }: Stasis,
  place: LegPlace,
  request: LegRequest,
): Promise<LegResult> {
  const began = performance.now()
  const output: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] }
  const refused: string[] = []
  const store = new MemoryStore()
  const module = await place.module(request.module)
  const { stopAt } = request
  const common = {
    log: false,
    returnFiles: true,
    stdout: (bytes: Uint8Array) => void output.stdout.push(bytes.slice()),
    stderr: (bytes: Uint8Array) => void output.stderr.push(bytes.slice()),
    onEvent: (event: SessionEvent) => {
      if (event.kind === 'refused') refused.push(event.error.message)
    },
    ...(stopAt !== undefined && { triggers: [{ kind: 'call', call: stopAt }] as const, stopAfterSnapshot: true }),
  }
  let session: Awaited<ReturnType<typeof Session.start>>
  if (request.image === undefined) {
    const encode = (text: string) => new TextEncoder().encode(text)
    const mounts = Object.entries(request.mounts).map(([guest, files]) => {
      const contents = Object.entries(files).map(([path, text]) => [path, encode(text)] as const)
      return { guest, memory: true as const, files: Object.fromEntries(contents) }
    })
    const { args, env, stdin } = request
    session = await Session.start({ ...common, module, args, env, mounts, store, name, stdin: encode(stdin) })
  } else {
    await saveModule(store, request.sha256, module)
    await saveCheckpoint(store, name, [await place.get(request.image)])
    session = await Session.restore(store, name, { ...common, stdin: 'empty' })
  }
  const outcome = await session.done
  const seen = {
    stdout: text(output.stdout),
    stderr: text(output.stderr),
    milliseconds: performance.now() - began,
  }
  switch (outcome.kind) {
    case 'exited': {
      if (stopAt !== undefined) throw new Error(`it ended before call ${stopAt}; ${refused.join('; ')}`)
      const files = (outcome.files ?? []).map(({ path, bytes }) => [path, base64(bytes)])
      return { ...seen, exitCode: outcome.code, files: Object.fromEntries(files) }
    }
    case 'suspended': {
      const { bytes } = await loadCheckpoint(store, { name, version: 0 })
      const image = `image-${globalThis.crypto.getRandomValues(new Uint32Array(2)).join('-')}`
      await place.put(image, bytes)
      return { ...seen, image, calls: outcome.checkpoint.calls, imageSize: bytes.length, files: {} }
    }
    case 'trapped':
      throw outcome.error
    case 'stopped':
      throw new Error('the session was stopped without a checkpoint')
  }
}

function text(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder()
  return parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode()
}

function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
