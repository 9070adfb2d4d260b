/**
 * Named regions of memory, saved as versions into a checkpoint file and restored by number: the operations and the files of
 * ckp_util.h. All functions return 0 or an errno of WASI; `ckpMessage` tells the rest.
 *
 *   const state = new StaticArray<f64>(1000)
 *   const file = new CheckpointFile()
 *   const checkpoint = new Checkpoint()
 *   ckpOpen('state.ckp', null, file)
 *   ckpRegister(file, 'state', changetype<usize>(state), state.length << 3, checkpoint)
 *   ckpSave(checkpoint)
 *   ckpRestore(checkpoint, -1)
 *   ckpClose(file)
 *
 * A region's memory must live as long as it is registered: keep what it belongs to in a variable.
 */
import { DataFile, MAX_LENGTH } from './data-file'
import { EEXIST, EINVAL, ENOENT, fail, lastMessage } from './errors'
import { addMigration, CkpMigration, findMigration } from './migration'
import { Region, State } from './region'
import { restore, restoreAll } from './restore'
import { save } from './save'
import { adopt, forget } from './stasis'

export * from './errors'
export { CkpMigration } from './migration'
export { ckpCheckpoint, ckpDisable, ckpEnable, ckpIsStasis, ckpLabel } from './stasis'

/** Filled by `ckpOpen`. */
export class CheckpointFile {
  opened: DataFile | null = null
}

/** A registered region; filled by `ckpRegister` and `ckpLocate`. */
export class Checkpoint {
  file: DataFile | null = null
  region: Region | null = null
}

/** What was wrong in the last call that failed, for people. */
export function ckpMessage(): string {
  return lastMessage()
}

function notOpen(): i32 {
  return fail(EINVAL, 'The checkpoint file is not open.')
}

/** Opens a checkpoint file, or makes it. Options are null, or words joined by commas: replace, durable. */
export function ckpOpen(pathname: string, options: string | null, file: CheckpointFile): i32 {
  const opened = new DataFile()
  if (options) {
    const words = options.split(',')
    for (let i = 0; i < words.length; i++) {
      if (words[i] == 'replace') opened.replace = true
      else if (words[i] == 'durable') opened.durable = true
      else if (words[i] != '') return fail(EINVAL, `"${words[i]}" is no option of a checkpoint file: replace, durable.`)
    }
  }
  const errno = opened.open(pathname)
  if (errno == 0) file.opened = opened
  else opened.close()
  return errno
}

/** Names a region of memory: its address and bytes. EEXIST: another length than before, without "replace". */
export function ckpRegister(
  file: CheckpointFile,
  name: string,
  address: usize,
  length: usize,
  checkpoint: Checkpoint | null = null,
): i32 {
  const opened = file.opened
  if (opened == null) return notOpen()
  const utf8 = String.UTF8.encode(name)
  if (utf8.byteLength == 0 || utf8.byteLength > 255 || <u64>length > MAX_LENGTH)
    return fail(EINVAL, "A region's name has 1 to 255 bytes.")
  const region = opened.regionOf(name, utf8)
  const newest = region.newest
  const known: u64 = region.registered ? region.length : newest ? newest.length : <u64>length
  if (known != <u64>length && !opened.replace && findMigration(name, <usize>known) == null)
    return fail(EEXIST, `The region ${name} has ${known} bytes. Open the file with "replace" to change that.`)
  const errno = adopt(region, address, length)
  if (errno != 0) return errno
  region.memory = address
  region.length = length
  region.registered = true
  if (checkpoint) {
    checkpoint.file = opened
    checkpoint.region = region
  }
  return 0
}

function isRegistered(checkpoint: Checkpoint): bool {
  const region = checkpoint.region
  return region != null && region.registered
}

function notRegistered(checkpoint: Checkpoint): i32 {
  const region = checkpoint.region
  return fail(EINVAL, `The region ${region ? region.name : ''} is not registered.`)
}

/** Appends a version of one region. EBUSY: somebody else has written to the file. */
export function ckpSave(checkpoint: Checkpoint): i32 {
  if (!isRegistered(checkpoint)) return notRegistered(checkpoint)
  return save(checkpoint.file!, [new State(checkpoint.region!)])
}

/** Appends a version of all registered regions: after a crash all of them or none. */
export function ckpSaveAll(file: CheckpointFile): i32 {
  const opened = file.opened
  if (opened == null) return notOpen()
  const states: Array<State> = []
  for (let i = 0; i < opened.regions.length; i++) {
    if (opened.regions[i].registered) states.push(new State(opened.regions[i]))
  }
  return save(opened, states)
}

/** Version 1 to N, or 0 the newest, -1 the one before, ... -N+1. ERANGE: no such version. EINVAL: another length. */
export function ckpRestore(checkpoint: Checkpoint, version: i32): i32 {
  if (!isRegistered(checkpoint)) return notRegistered(checkpoint)
  return restore(checkpoint.file!, checkpoint.region!, version)
}

/** All registered regions, as they were after a version of the file. */
export function ckpRestoreAll(file: CheckpointFile, version: i32): i32 {
  const opened = file.opened
  return opened == null ? notOpen() : restoreAll(opened, version)
}

/** Finds a registered region. ENOENT. */
export function ckpLocate(file: CheckpointFile, name: string, checkpoint: Checkpoint): i32 {
  const opened = file.opened
  if (opened == null) return notOpen()
  const region = opened.findRegion(name)
  if (region == null || !region.registered) return fail(ENOENT, `No region ${name} is registered.`)
  checkpoint.file = opened
  checkpoint.region = region
  return 0
}

/** Forgets a region; its saved versions stay. */
export function ckpUnregister(checkpoint: Checkpoint): i32 {
  if (!isRegistered(checkpoint)) return notRegistered(checkpoint)
  const region = checkpoint.region!
  region.registered = false
  forget(region)
  return 0
}

/** Unregisters all regions, and closes the file. */
export function ckpClose(file: CheckpointFile): i32 {
  const opened = file.opened
  if (opened == null) return notOpen()
  for (let i = 0; i < opened.regions.length; i++) {
    const region = opened.regions[i]
    if (region.registered) forget(region)
    region.registered = false
  }
  file.opened = null
  return opened.close()
}

/** See ckp_util.h: called by `ckpRegister` and `ckpRestore` where there is a region of that name of other length. */
export function ckpMigrate(name: string, fromLength: usize, migration: CkpMigration): i32 {
  const size = String.UTF8.byteLength(name)
  if (size == 0 || size > 255) return fail(EINVAL, "A region's name has 1 to 255 bytes.")
  addMigration(name, fromLength, migration)
  return 0
}

/** Whether the region was filled from an older program's checkpoint: 0 no, 1 yes, 2 by a migration. */
export function ckpRestored(checkpoint: Checkpoint): i32 {
  const region = checkpoint.region
  return region == null ? 0 : region.restored
}
