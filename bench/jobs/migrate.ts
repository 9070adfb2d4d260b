import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface MigrateInput {
  readonly root: string
  /** bench/guest/ticker.wat, assembled. */
  readonly module: string
  /** Empty. */
  readonly directory: string
  readonly repeats: number
}

export interface MigrateOutput {
  /** Milliseconds between the last time that a session wrote here and the first that it wrote on the server. */
  readonly pause: readonly number[]
  /** How many bytes of frames were sent in the rounds of each migration. */
  readonly rounds: readonly (readonly number[])[]
  /** Bytes that a push sent after 1 % of 64 MB had changed, for each byte of a changed page. */
  readonly pushed: readonly number[]
}

/** `stasis` in a directory, with everything it writes. */
class Command {
  readonly child: ChildProcess
  readonly #chunks: Buffer[] = []
  err = ''
  readonly over: Promise<number | null>

  constructor({ root, directory }: MigrateInput, args: readonly string[]) {
    const env = { ...process.env, TMPDIR: directory, XDG_CACHE_HOME: directory, NO_COLOR: '1' }
    this.child = spawn(process.execPath, [join(root, 'dist/cli.js'), ...args], { cwd: directory, env })
    this.child.stdout!.on('data', (chunk: Buffer) => this.#chunks.push(chunk))
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.err += text
    })
    this.over = new Promise((resolve) => this.child.once('close', resolve))
  }

  get out(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Resolves when it has written so many bytes. */
  async wrote(bytes: number): Promise<void> {
    while (this.out.length < bytes) {
      if (this.child.exitCode !== null) throw new Error(`it ended with ${this.child.exitCode}: ${this.err}`)
      await sleep(2)
    }
  }

  async json<T>(): Promise<T> {
    const code = await this.over
    if (code !== 0) throw new Error(`it ended with ${code}: ${this.err}`)
    return JSON.parse(this.out.toString()) as T
  }
}

export async function measureMigrate(input: MigrateInput): Promise<MigrateOutput> {
  const start = (...args: string[]) => new Command(input, args)
  const server = start('serve', '--port', '0', '--json', '--store', 'there')
  await server.wrote(10)
  const { url } = JSON.parse(server.out.toString()) as { url: string }
  const pause: number[] = []
  const rounds: (readonly number[])[] = []
  const pushed: number[] = []
  try {
    for (let repeat = 0; repeat < input.repeats; repeat++) {
      const name = `moving-${repeat}`
      const running = start('run', '--name', name, '--store', 'here', input.module, 'tick')
      await running.wrote(8 * 500)
      const migrated = await start('migrate', name, url, '--store', 'here', '--json').json<{ rounds: number[] }>()
      rounds.push(migrated.rounds)
      await running.over
      const attached = start('attach', '--read-only', `${url}/${name}`)
      await attached.wrote(8 * 50)
      attached.child.kill()
      await attached.over
      const left = running.out.readBigUInt64LE(running.out.length - 8)
      pause.push(Number(attached.out.readBigUInt64LE(0) - left) / 1e6)
      await start('pull', '--take', `${url}/${name}`, '--store', 'here').over
      await start('rm', name, '--store', 'here').over
      await start('rm', name, '--store', 'there').over
    }
    const running = start('run', '--name', 'pushed', '--store', 'here', input.module)
    await running.wrote(1)
    const push = () => start('push', 'pushed', url, '--store', 'here', '--json').json<{ sent: number }>()
    await push()
    for (let repeat = 0; repeat < input.repeats; repeat++) {
      running.child.stdin!.write('x')
      await running.wrote(repeat + 2)
      pushed.push((await push()).sent / (164 * 4096))
    }
    running.child.stdin!.end()
    await running.over
  } finally {
    server.child.kill('SIGTERM')
    await server.over
  }
  return { pause, rounds, pushed }
}
