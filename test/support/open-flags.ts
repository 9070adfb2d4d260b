import type { OpenFlags } from '../../wasm-shim/wasi/fs/file-system.ts'

const none: OpenFlags = {
  read: false,
  write: false,
  append: false,
  create: false,
  exclusive: false,
  truncate: false,
  directory: false,
  dsync: false,
  rsync: false,
  sync: false,
  nonblock: false,
}

/** Open flags by name: `openFlags('read', 'create')`. */
export function openFlags(...names: readonly (keyof OpenFlags)[]): OpenFlags {
  return { ...none, ...Object.fromEntries(names.map((name) => [name, true])) }
}
