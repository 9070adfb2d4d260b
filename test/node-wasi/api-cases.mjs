// Uses every member of one WASI class in every wrong and right way, and prints what came out as JSON.
//   node api-cases.mjs node:wasi|URL DIRECTORY
import { join } from 'node:path'

const { WASI } = await import(process.argv[2])
const directory = process.argv[3]

const outcomes = {}
const note = (name, call) => {
  try {
    const value = call()
    outcomes[name] = { value: value instanceof WASI ? 'a WASI' : (value ?? String(value)) }
  } catch (thrown) {
    if (typeof thrown !== 'object') outcomes[name] = { thrown: String(thrown) }
    else {
      const { name: type, code, errno, syscall, message } = thrown
      const [first] = thrown.stack.split('\n')
      outcomes[name] = { type, code, errno, syscall, message, text: String(thrown), first, keys: Object.keys(thrown) }
    }
  }
}

class Foo {}
const make = (options) => new WASI({ version: 'preview1', ...options })

const values = {
  undefined: undefined,
  null: null,
  true: true,
  0: 0,
  '-0': -0,
  1.5: 1.5,
  '-1': -1,
  NaN: NaN,
  infinity: Infinity,
  'beyond int32': 2 ** 31,
  'beyond 2^32': 2 ** 53,
  'below -2^32': -(2 ** 40),
  bigint: 1n,
  'long bigint': 12345678901234567890123456789012345n,
  symbol: Symbol('sign'),
  'empty text': '',
  text: 'x',
  'long text': 'x'.repeat(60),
  'quoted text': "it's",
  'very long text': 'y'.repeat(400),
  array: [],
  object: {},
  'object without prototype': Object.create(null),
  'own class': new Foo(),
  map: new Map(),
  arrow: (
    () => () =>
      0
  )(),
  'named function': function named() {},
  class: Foo,
}

note('no options', () => new WASI())
note('without new', () => WASI({ version: 'preview1' }))
note('version alone', () => new WASI({ version: 'unstable' }))
for (const [name, value] of Object.entries(values)) {
  note(`options: ${name}`, () => new WASI(value))
  note(`version: ${name}`, () => new WASI({ version: value }))
  for (const option of ['args', 'env', 'preopens', 'returnOnExit', 'stdin', 'stdout', 'stderr']) {
    // Whether these numbers are open descriptors is not the question.
    if (value === true && option === 'returnOnExit') continue
    note(`${option}: ${name}`, () => make({ [option]: value }))
  }
}
note('args: symbols', () => make({ args: [Symbol('a'), null, undefined, 5, {}] }))
note('args: an argument without text', () => make({ args: [Object.create(null)] }))
note('env: symbol', () => make({ env: { A: Symbol('a') } }))
note('env: values', () => make({ env: { A: 1, B: undefined, C: null } }))
note('preopens: missing', () => make({ preopens: { '/': join(directory, 'missing') } }))
note('preopens: undefined', () => make({ preopens: { '/': undefined } }))
note('preopens: file', () => make({ preopens: { '/': join(directory, 'file') } }))
note('preopens: below a file', () => make({ preopens: { '/': join(directory, 'file/x') } }))
note('preopens: two', () => make({ preopens: { '/a': directory, '/b': directory } }))
note('stdin: closed', () => make({ stdin: 987 }))
note('stdout: closed', () => make({ stdout: 987 }))
note('stderr: closed', () => make({ stderr: 987 }))
note('the first of several faults', () => make({ args: 5, env: 5, stdin: 'x' }))

const one = make()
note('own properties', () => Object.keys(one))
note('imports', () => Object.keys(one.wasiImport).sort())
note('import object', () => Object.keys(one.getImportObject()))
note('import object of unstable', () => Object.keys(new WASI({ version: 'unstable' }).getImportObject()))
note('imports are the import object', () => one.getImportObject().wasi_snapshot_preview1 === one.wasiImport)
note('class name', () => WASI.name)
note('sched_yield before start', () => one.wasiImport.sched_yield())
note('args_get before start', () => one.wasiImport.args_get(0, 0))
note('proc_exit before start', () => one.wasiImport.proc_exit(3))
note('start after proc_exit', () => one.start({ exports: { _start() {}, memory } }))

const memory = new WebAssembly.Memory({ initial: 1 })
const instances = {
  undefined: undefined,
  null: null,
  text: 'x',
  array: [],
  function: Object.assign(() => 0, { exports: { _start() {}, memory } }),
  'no exports': {},
  'null exports': { exports: null },
  'array exports': { exports: [] },
  'no memory': { exports: { _start() {} } },
  'wrong memory': { exports: { _start() {}, memory: { buffer: new ArrayBuffer(8) } } },
  'memory of another type': {
    exports: { _start() {}, memory: new WebAssembly.Table({ initial: 1, element: 'anyfunc' }) },
  },
  'shared memory': {
    exports: { _start() {}, memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }) },
  },
  'both entries': { exports: { _start() {}, _initialize() {}, memory } },
  '_start no function': { exports: { _start: 5, memory } },
  '_initialize no function': { exports: { _initialize: 5, memory } },
  '_initialize null': { exports: { _start() {}, _initialize: null, memory } },
  'no entry': { exports: { memory } },
  command: { exports: { _start: () => 9, memory } },
  reactor: { exports: { _initialize: () => 9, memory } },
  'command that throws': {
    exports: {
      _start() {
        throw new Error('x')
      },
      memory,
    },
  },
}
for (const [name, instance] of Object.entries(instances)) {
  for (const call of ['start', 'initialize']) {
    const wasi = make()
    note(`${call}: ${name}`, () => wasi[call](instance))
    note(`imports after ${call}: ${name}`, () => wasi.wasiImport.sched_yield())
    note(`retry: ${call}: ${name}`, () => wasi[call](instance))
  }
  const wasi = make()
  note(`finalizeBindings: ${name}`, () => wasi.finalizeBindings(instance))
  note(`finalizeBindings: ${name}, then imports`, () => wasi.wasiImport.sched_yield())
  note(`finalizeBindings: ${name}, then start`, () => wasi.start(instance))
}
note('finalizeBindings: memory given', () => make().finalizeBindings({ exports: {} }, { memory }))
note('finalizeBindings: wrong memory given', () => make().finalizeBindings({ exports: { memory } }, { memory: 5 }))
note('finalizeBindings: no options', () => make().finalizeBindings({ exports: { memory } }, 5))
note('finalizeBindings: null', () => make().finalizeBindings({ exports: { memory } }, null))
note('finalizeBindings: no instance', () => make().finalizeBindings(undefined, { memory }))
note('start after initialize', () => {
  const wasi = make()
  wasi.initialize(instances.reactor)
  return wasi.start(instances.command)
})

const started = make()
started.initialize(instances.reactor)
note('args_sizes_get', () => started.wasiImport.args_sizes_get(0, 4))
note('proc_exit outside of start', () => started.wasiImport.proc_exit(3))
const other = make()
note('_start that exits', () => other.start({ exports: { _start: () => other.wasiImport.proc_exit(7), memory } }))
const again = make()
note('_initialize that exits', () =>
  again.initialize({ exports: { _initialize: () => again.wasiImport.proc_exit(7), memory } }),
)

process.stdout.write(JSON.stringify(outcomes))
