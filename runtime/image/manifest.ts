import { decode, encode } from 'cborg'
import { Fields } from './fields.ts'
import { damaged, headerSize, maxSections } from './layout.ts'
import type { Checkpoint } from './model.ts'

/** What is known of a checkpoint without reading its memory: the Checkpoint but its state, and how much of that there is. */
export interface Manifest extends Omit<Checkpoint, 'instances' | 'stacks' | 'kernel' | 'input' | 'screen'> {
  readonly instances: readonly { readonly memories: number; readonly tables: number }[]
  readonly stacks: number
}

export function manifestOf(checkpoint: Omit<Checkpoint, 'files'>): Manifest {
  const { instances, stacks, kernel: _, input: __, screen: ___, ...rest } = checkpoint
  return {
    ...rest,
    instances: instances.map(({ memories, tables }) => ({ memories: memories.length, tables: tables.length })),
    stacks: stacks.length,
  }
}

/** The last millisecond that a Date can show (ECMA-262, 21.4.1.1). */
const maxTime = 8.64e15

/** Deterministic CBOR (RFC 8949, 4.2.1): shortest numbers, keys sorted by their encoding. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const bytes = encodeFields(manifest)
  // If it was dumped, it restores: what the decoder would refuse is never written.
  decodeManifest(bytes)
  return bytes
}

function encodeFields(manifest: Manifest): Uint8Array {
  const { session, cause, label, time, module, prelink, calls, instances, stacks } = manifest
  return encode({
    session: { name: session.name, id: session.id },
    cause,
    ...(label === undefined ? {} : { label }),
    time,
    module: { sha256: module.sha256, size: module.size, name: module.name },
    prelink: { version: prelink.version, polls: prelink.polls },
    calls,
    instances: instances.map(({ memories, tables }) => ({ memories, tables })),
    stacks,
  })
}

const cborOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
} as const

/** Throws STASIS_IMAGE_DAMAGED with the manifest's offset. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const fail = (message: string, cause?: unknown): never => {
    throw damaged(`in the manifest, ${message}`, headerSize, cause)
  }
  let value: unknown
  try {
    value = decode(bytes, cborOptions)
  } catch (cause) {
    return fail('the CBOR encoding is broken', cause)
  }
  const fields = new Fields(value, '', fail)
  const manifest: Manifest = {
    session: fields.map('session', (session) => ({ name: session.text('name', 256), id: session.text('id', 256) })),
    cause: fields.text('cause', 256),
    ...(fields.has('label') ? { label: fields.text('label', 4096) } : {}),
    time: fields.integer('time', maxTime),
    module: fields.map('module', (module) => ({
      sha256: module.text('sha256', 64),
      size: module.integer('size'),
      name: module.text('name', 4096),
    })),
    prelink: fields.map('prelink', (prelink) => ({
      version: prelink.integer('version', 0xffff_ffff),
      polls: prelink.oneOf('polls', ['none', 'default', 'all']),
    })),
    calls: fields.integer('calls'),
    instances: fields.list('instances', maxSections, (instance) => ({
      memories: instance.integer('memories', maxSections),
      tables: instance.integer('tables', maxSections),
    })),
    stacks: fields.integer('stacks', maxSections),
  }
  fields.end()
  const parts = manifest.instances.reduce((sum, { memories, tables }) => sum + memories + tables, manifest.stacks)
  if (parts > maxSections) fail(`${parts} memories, tables and stacks are announced`)
  if (!/^[0-9a-f]{64}$/.test(manifest.module.sha256)) fail('the field module.sha256 is not 64 hexadecimal digits')
  return manifest
}
