import { statSync } from 'node:fs'
import { decodeCheckpoint } from '../../../runtime/image/decode.ts'
import { magic as imageMagic } from '../../../runtime/image/layout.ts'
import { type CheckpointReport, reportCheckpoint } from '../../../runtime/inspect/checkpoint-report.ts'
import { parseAddress } from '../../../runtime/store/address.ts'
import { listVersions, loadModule } from '../../../runtime/store/checkpoints.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { prelink } from '../../../wasm-shim/prelink/index.ts'
import { openStore } from '../../open-store.ts'
import { defineCommand } from '../command.ts'
import { readInput } from '../inputs.ts'
import { inspectStored, namesOf } from '../inspect/inspect-stored.ts'
import { type ModuleReport, reportModule } from '../inspect/module-report.ts'
import { printCheckpoint } from '../inspect/print-checkpoint.ts'
import { printModule } from '../inspect/print-module.ts'
import { printStart, reportStart, type StartReport } from '../inspect/start-report.ts'
import { lookUp } from '../look-up.ts'
import { jsonOption, storeOption } from '../session-options.ts'
import { locateStore } from '../store-place.ts'
import type { Terminal } from '../terminal.ts'

const moduleMagic = Uint8Array.of(0x00, 0x61, 0x73, 0x6d)

export const inspectCommand = defineCommand({
  name: 'inspect',
  summary: 'Look into a checkpoint, or say beforehand whether a module can be frozen.',
  operands: 'NAME[@VERSION] | MODULE.wasm | IMAGE',
  count: [1, 1],
  description: [
    'Of a checkpoint: sizes, the call stack with function names, open descriptors, and for each whether it moves with the ' +
      'checkpoint, moves if its directory is granted again, or does not move and why.',
    'Of a module: imports, exports, memory, the features it uses, and whether it can be run and frozen, or runs log-only.',
  ],
  options: { store: storeOption, json: jsonOption },
  examples: [
    { line: 'stasis inspect calc', does: 'the newest checkpoint of calc' },
    { line: 'stasis inspect calc@-1 --json', does: 'the one before, for a script' },
    { line: 'stasis inspect app.wasm', does: 'what a module needs, before running it' },
  ],
  run: async ({ values, operands, terminal }) => {
    const report = await inspect(operands[0] as string, values.store)
    if (values.json) terminal.out(JSON.stringify(report, null, 2))
    else terminal.out(print(report, terminal))
    return 0
  },
})

type Report = ModuleReport | CheckpointReport | StartReport

function print(report: Report, terminal: Terminal): string {
  switch (report.kind) {
    case 'module':
      return printModule(report, terminal)
    case 'checkpoint':
      return printCheckpoint(report, terminal)
    case 'start':
      return printStart(report, terminal)
  }
}

async function inspect(subject: string, storeOption: string | undefined): Promise<Report> {
  const store = await openStore(locateStore(storeOption).url)
  if (!isFile(subject)) {
    const address = parseSubject(subject)
    const hasVersions = (await listVersions(store, address.name)).length > 0
    const start = hasVersions || address.version !== 0 ? undefined : await reportStart(store, address.name)
    return start ?? lookUp(store, address.name, () => inspectStored(store, address, store))
  }
  const bytes = readInput(subject, 'the file')
  if (startsWith(bytes, moduleMagic)) return reportModule(subject, bytes, prelink)
  if (!startsWith(bytes, imageMagic))
    throw new StasisError(
      'STASIS_IMAGE_FOREIGN',
      `${subject} is neither a WebAssembly module nor a checkpoint of stasis: it begins with neither's first bytes.`,
      { path: subject },
    )
  const checkpoint = decodeCheckpoint(bytes)
  const module = await loadModule(store, checkpoint.module.sha256)
  return reportCheckpoint({
    checkpoint,
    location: subject,
    size: bytes.length,
    ...namesOf(module, checkpoint.prelink.polls),
  })
}

function parseSubject(subject: string) {
  if (/[/\\]|\.wasm$/.test(subject)) readInput(subject, 'the module')
  return parseAddress(subject)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

const startsWith = (bytes: Uint8Array, magic: Uint8Array): boolean => magic.every((byte, at) => bytes[at] === byte)
