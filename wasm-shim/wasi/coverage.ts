import { type AbiName, abis, type Param, type Result, type Row } from './abi.ts'

const classes = {
  pure: 'kernel state only',
  reads: 'reads the world',
  changes: 'changes the world',
  blocks: 'may wait',
} as const

const paramText = (param: Param): string => {
  switch (param.kind) {
    case 'fd':
      return param.name
    case 'scalar':
      return `${param.name}: ${param.values?.name ?? param.type}`
    case 'string':
      return `${param.name}: text`
    case 'vectors':
      return `${param.name}: ${param.direction === 'in' ? 'bytes' : '→ bytes'}`
    case 'buffer':
      return `${param.name}: → buffer`
    case 'pointer':
      return `${param.name}: ${param.direction === 'in' ? '' : '→ '}array`
  }
}

const resultText = (result: Result): string =>
  result.kind === 'record' ? `${result.name} (${result.layout.size} bytes)` : `${result.name}: ${result.type}`

function tableRow(row: Row): string {
  const cells = [
    `\`${row.name}\``,
    row.params.map(paramText).join(', ') || '–',
    row.results.map(resultText).join(', ') || '–',
    classes[row.class],
    row.note ?? '',
  ]
  return `| ${cells.join(' | ')} |`
}

/** What of preview1's table differs in another ABI, a sentence each. */
function differences(name: AbiName): readonly string[] {
  const lines: string[] = []
  for (const [call, row] of abis.wasi_snapshot_preview1) {
    const other = abis[name].get(call)
    if (other === undefined) lines.push(`\`${call}\` does not exist.`)
    else lines.push(...rowDifferences(row, other))
  }
  return lines
}

function rowDifferences(row: Row, other: Row): readonly string[] {
  const lines: string[] = []
  row.params.forEach((param, index) => {
    const there = other.params[index]!
    if (param.kind === 'scalar' && there.kind === 'scalar' && param.values?.numbers !== there.values?.numbers) {
      const numbers = Object.entries(there.values?.numbers ?? {}).map(([name, number]) => `${name} = ${number}`)
      lines.push(`\`${row.name}\`: \`${param.name}\` is numbered ${numbers.join(', ')}.`)
    }
    if (param.kind === 'pointer' && there.kind === 'pointer' && param.layout?.size !== there.layout?.size) {
      lines.push(`\`${row.name}\`: an element of \`${param.name}\` takes ${there.layout?.size} bytes.`)
    }
  })
  row.results.forEach((result, index) => {
    const there = other.results[index]!
    if (result.kind === 'record' && there.kind === 'record' && result.layout !== there.layout) {
      const fields = there.layout.fields.map((field) => `${field.name} at ${field.offset}`)
      lines.push(`\`${row.name}\`: \`${result.name}\` takes ${there.layout.size} bytes: ${fields.join(', ')}.`)
    }
  })
  return lines
}

/** `docs/wasi-coverage.md`, from the ABI table. */
export function coverageDocument(): string {
  const rows = [...abis.wasi_snapshot_preview1.values()]
  return `# WASI coverage

Generated from \`wasm-shim/wasi/abi.ts\`; \`UPDATE_DOCS=1 npx vitest run test/wasi/coverage.test.ts\` writes it anew.

## wasi_snapshot_preview1

All ${rows.length} functions can be linked. Each returns an errno, ${rows
    .filter((row) => row.returns === 'nothing')
    .map((row) => `\`${row.name}\``)
    .join(', ')} excepted. A pointer that is not in
memory is EFAULT, at most 1024 iovecs may be given (EINVAL), paths are UTF-8 (EILSEQ) of at most 4096 bytes (ENAMETOOLONG).
An arrow marks what the call writes into guest memory.

| function | parameters | results | class | note |
|---|---|---|---|---|
${rows.map(tableRow).join('\n')}

## wasi_unstable

The same, but for this:

${differences('wasi_unstable')
  .map((line) => `- ${line}`)
  .join('\n')}
`
}
