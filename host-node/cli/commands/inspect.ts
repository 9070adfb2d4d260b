import { statSync } from 'node:fs'
import { decodeCheckpoint } from '../../../runtime/image/decode.ts'
import { magic as imageMagic } from '../../../runtime/image/layout.ts'
import { imageToJson } from '../../../runtime/image/whole-json.ts'
import { type CheckpointReport, reportCheckpoint } from '../../../runtime/inspect/checkpoint-report.ts'
import { parseAddress } from '../../../runtime/store/address.ts'
import { listVersions, loadModule } from '../../../runtime/store/checkpoints.ts'
import { StasisError } from '../../../wasm-shim/errors.ts'
import { prelink } from '../../../wasm-shim/prelink/index.ts'
import { parseTarget } from '../../transfer/target.ts'
import { defineCommand } from '../command.ts'
import { readInput } from '../inputs.ts'
import { type MoveTarget, moveTargets, printMovement, reportMovement } from '../inspect/can-move.ts'
import { directoriesOf } from '../inspect/directory-movements.ts'
import { inspectStored, namesOf } from '../inspect/inspect-stored.ts'
import { type ModuleReport, reportModule } from '../inspect/module-report.ts'
import { printCheckpoint } from '../inspect/print-checkpoint.ts'
import { printModule } from '../inspect/print-module.ts'
import { printStart, reportStart, type StartReport } from '../inspect/start-report.ts'
import { lookUp } from '../look-up.ts'
import { encryptionOptions, openPlace, type StoreValues } from '../open-place.ts'
import { flag, value } from '../options.ts'
import { readImage, readImageFile } from '../read-image.ts'
import { jsonOption, storeOption, tokenOption } from '../session-options.ts'
import { tell } from '../supervise.ts'
import type { Terminal } from '../terminal.ts'
import { tokenOf } from '../transfer-options.ts'
import { UsageError } from '../usage-error.ts'
import { oneOf } from '../values.ts'

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
  options: {
    'can-move': value(
      'TARGET',
      'Say of each resource of a session whether it can go to TARGET: node20, node, chromium, firefox, or a server’s URL, ' +
        'which is asked what becomes of its directories there. The exit code is 1 where something cannot.',
      parseMoveTarget,
    ),
    token: tokenOption,
    store: storeOption,
    ...encryptionOptions,
    json: jsonOption,
    full: flag('With --json, of a checkpoint: everything that is in it. "stasis image" makes the same image of that.'),
  },
  examples: [
    { line: 'stasis inspect calc', does: 'the newest checkpoint of calc' },
    { line: 'stasis inspect calc@-1 --json', does: 'the one before, for a script' },
    { line: 'stasis inspect calc --can-move firefox', does: 'what happens to each resource in a page' },
    { line: 'stasis inspect app.wasm', does: 'what a module needs, before running it' },
  ],
  run: async ({ values, operands, terminal }) => {
    const subject = operands[0] as string
    if (values.full) {
      if (!values.json) throw new UsageError('--full is for --json.', 'inspect')
      terminal.out(JSON.stringify(imageToJson(await readImage(subject, values)), null, 1))
      return 0
    }
    const report = await inspect(subject, values)
    const target = values['can-move']
    if (target !== undefined) return inspectMovement(report, subject, target, values, terminal)
    if (values.json) terminal.out(JSON.stringify(report, null, 2))
    else terminal.out(print(report, terminal))
    return 0
  },
})

async function inspectMovement(
  report: Report,
  subject: string,
  target: GivenTarget,
  values: StoreValues & { readonly json: boolean; readonly token: string | undefined },
  terminal: Terminal,
): Promise<number> {
  if (report.kind === 'module') throw new UsageError('--can-move is about a session; name one.', 'inspect')
  const store = await openPlace(values)
  const isNewest = !isFile(subject) && parseAddress(subject).version === 0
  const mounts = await directoriesOf(report, store, isNewest)
  const { server } = target
  const { askFates } = await import('../../transfer/ask.ts')
  const fates = server === undefined ? undefined : await askFates(server, tokenOf(values.token), report.session, mounts)
  if (fates === undefined && server !== undefined && !values.json) {
    tell(`${server} does not answer, so that what it grants is not known.`, terminal)
  }
  const movements = await reportMovement(report, target, store, { mounts, ...(fates && { fates }) })
  if (values.json) terminal.out(JSON.stringify({ target: target.name, movements }, null, 2))
  else terminal.out(printMovement(movements, target, terminal))
  return movements.some(({ moves }) => moves === 'does not move') ? 1 : 0
}

/** A server is a Node of some recent version. */
function parseMoveTarget(given: string): GivenTarget {
  const names = moveTargets.map(({ name }) => name)
  const isServer = /^(https?|wss?):\/\/|:\d+$/.test(given)
  const name = isServer ? 'node' : oneOf(names, 'target')(given)
  const target = moveTargets.find((each) => each.name === name) as MoveTarget
  if (!isServer) return target
  const { server } = parseTarget(given)
  return { ...target, name: server, server }
}

interface GivenTarget extends MoveTarget {
  readonly server?: string
}

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

async function inspect(subject: string, values: StoreValues): Promise<Report> {
  const store = await openPlace(values)
  if (!isFile(subject)) {
    const address = parseSubject(subject)
    const hasVersions = (await listVersions(store, address.name)).length > 0
    const start = hasVersions || address.version !== 0 ? undefined : await reportStart(store, address.name)
    return start ?? lookUp(store, address.name, () => inspectStored(store, address, store))
  }
  const bytes = await readImageFile(subject)
  if (startsWith(bytes, moduleMagic)) return reportModule(subject, bytes, prelink)
  if (!startsWith(bytes, imageMagic))
    throw new StasisError(
      'STASIS_IMAGE_FOREIGN',
      `${subject} is no WebAssembly module, checkpoint image or exported session: it does not begin as one of them does. Name a session, or such a file.`,
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
