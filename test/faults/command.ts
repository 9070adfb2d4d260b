import { spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { fileURLToPath } from 'node:url'

// npm puts the newest Node, which is there for tests, before the machine's own.
const node = process.env.npm_node_execpath ?? process.execPath
const commandLine = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Ended {
  /** null where it was killed. */
  readonly code: number | null
  readonly out: Buffer
  readonly err: string
  readonly milliseconds: number
  /** It was still running when its time was up, and was killed for that. */
  readonly hung: boolean
}

export interface CommandOptions {
  readonly cwd: string
  /** Milliseconds after its start. */
  readonly killAfter?: number
  /** Kills it `after` milliseconds from the first change in a directory on. */
  readonly killAtChange?: { readonly of: string; readonly after: number }
  /** What it gets on stdin, through a pipe, once `offset` tells from where on; absent: nothing at all. */
  readonly stdin?: { readonly text: string; readonly offset: (out: string, err: string) => number | undefined }
  /** Milliseconds after which it counts as hung. */
  readonly patience?: number
}

/** Runs `stasis` in a process of its own, to its end or until it is killed with SIGKILL. */
export function stasis(argv: readonly string[], options: CommandOptions): Promise<Ended> {
  const { STASIS_STORE: _, FORCE_COLOR: __, ...env } = process.env
  const started = performance.now()
  const child = spawn(node, [commandLine, ...argv], {
    cwd: options.cwd,
    env: { ...env, NO_COLOR: '1' },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  let err = ''
  let isFed = false
  const feed = () => {
    const { stdin } = options
    if (stdin === undefined || isFed) return
    const offset = stdin.offset(Buffer.concat(out).toString(), err)
    if (offset === undefined) return
    isFed = true
    child.stdin!.on('error', () => undefined)
    child.stdin!.end(stdin.text.slice(offset))
  }
  child.stdout!.on('data', (bytes: Buffer) => {
    out.push(bytes)
    feed()
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err += text
    feed()
  })
  let hung = false
  const kill = () => child.kill('SIGKILL')
  const timer = options.killAfter === undefined ? undefined : setTimeout(kill, options.killAfter)
  const { killAtChange } = options
  let delayed: NodeJS.Timeout | undefined
  const watcher = killAtChange && watch(killAtChange.of)
  watcher?.once('change', () => {
    delayed = setTimeout(kill, killAtChange!.after)
  })
  const patience = setTimeout(() => {
    hung = true
    kill()
  }, options.patience ?? 240_000)
  return new Promise((resolve) => {
    child.once('close', (code) => {
      watcher?.close()
      clearTimeout(timer)
      clearTimeout(delayed)
      clearTimeout(patience)
      const milliseconds = performance.now() - started
      resolve({ code, out: Buffer.concat(out), err, milliseconds, hung })
    })
  })
}
