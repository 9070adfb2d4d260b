import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Stasis, Workplace } from '../cli/processes.ts'
import { type ProgramName, program } from '../programs/programs.ts'

const statements = Array.from(
  { length: 250 },
  (_, n) =>
    `insert into t select ${n}, sum(x) from (with recursive c(x) as (select 1 union all select x+1 from c where x<30000) select x from c);\nselect n, s from t where n = ${n};`,
)

const scripts = {
  'count.lua': `local sum = 0
for i = 1, 1000 do
  for j = 1, 400000 do sum = (sum * 31 + j) % 1000003 end
  io.write(i, ":", sum, "\\n") io.flush()
end
os.exit(7)`,
  'count.py': `import sys
total = 0
for i in range(400):
    total += sum(x * x for x in range(60000)) % (i + 7)
    print(i, total, flush=True)
sys.exit(7)`,
  'count.sql': `create table t(n, s);\n${statements.join('\n')}\n.quit 7`,
  'ask.lua': `for line in io.lines() do print("got " .. line) io.flush() end print("done")`,
} as const

export interface Mover {
  readonly program: ProgramName
  readonly args: readonly string[]
  readonly env: readonly string[]
  /** Somewhere in the middle of its output. */
  readonly middle: string
}

export const movers: Readonly<Record<'lua' | 'cpython' | 'sqlite', Mover>> = {
  lua: { program: 'lua', args: ['/job/count.lua'], env: [], middle: '\n60:' },
  cpython: {
    program: 'cpython',
    args: ['/job/count.py'],
    env: ['PYTHONHASHSEED=0', 'PYTHONDONTWRITEBYTECODE=1'],
    middle: '\n30 ',
  },
  sqlite: { program: 'sqlite', args: [':memory:', '.read /job/count.sql'], env: [], middle: '\n30|' },
}

/** Two machines, as far as sessions can tell: a store here, and another one that a server has. */
export class TwoPlaces {
  readonly here = new Workplace()
  readonly #work = join(this.here.directory, 'work')
  #server: Stasis | undefined
  url = ''

  constructor() {
    mkdirSync(this.#work)
    for (const [name, text] of Object.entries(scripts)) writeFileSync(join(this.#work, name), text)
  }

  /** `grants`: the directory of the movers; without, sessions have none. */
  async serve(port = 0, grants: readonly string[] = ['--dir', `${this.#work}::/job`]): Promise<Stasis> {
    const server = this.here.start('serve', '--port', String(port), '--json', '--store', 'there', ...grants)
    await server.says('\n')
    this.url = (JSON.parse(server.out.split('\n')[0] as string) as { url: string }).url
    this.#server = server
    return server
  }

  words({ program: name, args, env }: Mover): string[] {
    const module = join(this.here.directory, `${name}.wasm`)
    copyFileSync(program(name).path, module)
    return ['--dir', `${this.#work}::/job`, ...env.flatMap((each) => ['--env', each]), module, ...args]
  }

  run(mover: Mover): Stasis {
    return this.here.start('run', '--name', 'calc', '--store', 'here', ...this.words(mover))
  }

  /** Output of a run that nobody disturbs. */
  async plain(mover: Mover): Promise<string> {
    const { out, code } = await this.here.run('run', '--no-log', '--store', 'plain', ...this.words(mover))
    return `${out}${code}`
  }

  async close(): Promise<void> {
    this.#server?.child.kill('SIGTERM')
    await this.here.close()
  }
}
