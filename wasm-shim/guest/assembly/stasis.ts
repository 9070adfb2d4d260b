/**
 * The whole program. Compiled with `--use CKP_STASIS=1` these are imports of the module `stasis`, which only Stasis
 * provides; without it they do nothing, and the program runs everywhere.
 */
import { EINVAL, fail, failSystem } from './errors'
import { findMigration, migrate } from './migration'
import { Region } from './region'

// @ts-ignore: decorators of AssemblyScript
@external('stasis', 'present')
declare function present(): i32
// @ts-ignore
@external('stasis', 'checkpoint')
declare function checkpoint(): i32
// @ts-ignore
@external('stasis', 'disable')
declare function disable(): i32
// @ts-ignore
@external('stasis', 'enable')
declare function enable(): i32
// @ts-ignore
@external('stasis', 'label')
declare function label(text: usize, size: usize): i32
// @ts-ignore
@external('stasis', 'region')
// biome-ignore format: one line
declare function region(name: usize, size: usize, address: usize, length: usize, filled: usize, saved: usize): i32
// @ts-ignore
@external('stasis', 'region_saved')
declare function region_saved(name: usize, size: usize, bytes: usize, length: usize, read: usize): i32
// @ts-ignore
@external('stasis', 'region_forget')
declare function region_forget(name: usize, size: usize, address: usize): i32

/** Whether the program runs under Stasis. */
export function ckpIsStasis(): bool {
  if (isDefined(CKP_STASIS)) return present() == 1
  return false
}

/** Takes a checkpoint of the whole program: 0 not under Stasis, 1 taken, 2 restored, or a negated errno. */
export function ckpCheckpoint(): i32 {
  if (isDefined(CKP_STASIS)) return checkpoint()
  return 0
}

/** No checkpoint is taken between them, but for `ckpCheckpoint`. They nest. 0 or an errno. */
export function ckpDisable(): i32 {
  if (isDefined(CKP_STASIS)) return disable()
  return 0
}

export function ckpEnable(): i32 {
  if (isDefined(CKP_STASIS)) return enable()
  return 0
}

/** What the next checkpoint is called: at most 4,096 bytes of UTF-8. 0 or an errno. */
export function ckpLabel(text: string): i32 {
  if (isDefined(CKP_STASIS)) {
    const utf8 = String.UTF8.encode(text)
    return label(changetype<usize>(utf8), utf8.byteLength)
  }
  return 0
}

const results = memory.data(8, 4)
const nothing: u32 = 0xffffffff

export function forget(one: Region): void {
  if (isDefined(CKP_STASIS)) region_forget(changetype<usize>(one.utf8), one.utf8.byteLength, one.memory)
}

/** Tells the host of a region, which fills it where the program is restored from an older one's checkpoint. */
export function adopt(one: Region, address: usize, length: usize): i32 {
  if (isDefined(CKP_STASIS)) {
    const name = changetype<usize>(one.utf8)
    const size = one.utf8.byteLength
    let errno = region(name, size, address, length, results, results + 4)
    if (errno != 0) return failSystem(errno, one.name)
    const saved = load<u32>(results, 4)
    one.restored = saved == nothing ? 0 : saved == <u32>length ? 1 : 2
    if (one.restored < 2) return 0
    const migration = findMigration(one.name, saved)
    if (migration == null) {
      const had = `The region ${one.name} has ${length} bytes, and had ${saved} in the checkpoint`
      errno = fail(EINVAL, `${had}: ckpMigrate tells how to get from there.`)
    } else {
      const old = new ArrayBuffer(saved)
      errno = region_saved(name, size, changetype<usize>(old), saved, results)
      errno = errno != 0 ? failSystem(errno, one.name) : migrate(migration, old, address, length)
    }
    if (errno == 0) return 0
    one.restored = 0
    region_forget(name, size, address)
    return errno
  }
  return 0
}
