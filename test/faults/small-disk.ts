import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const mount = (...args: string[]) => spawnSync('mount', args, { encoding: 'utf8' })

/** Why there can be no small disks here; undefined where there can. */
export function noSmallDisks(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'stasis-mount-'))
  const { status, stderr, error } = mount('-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory)
  if (status === 0) spawnSync('umount', [directory])
  rmSync(directory, { recursive: true, force: true })
  return status === 0
    ? undefined
    : `a file system of limited size cannot be mounted here: ${error?.message ?? stderr.trim()}`
}

/** A disk of so many KiB. */
export class SmallDisk {
  readonly directory = mkdtempSync(join(tmpdir(), 'stasis-disk-'))
  readonly #path = join(this.directory, 'disk')

  constructor(kibibytes: number) {
    mkdirSync(this.#path)
    this.#mount(`size=${kibibytes}k`)
  }

  get path(): string {
    return this.#path
  }

  /** Gives it another size, with everything that is there. */
  resize(kibibytes: number): void {
    this.#mount(`remount,size=${kibibytes}k`)
  }

  /** Leaves no room but for less than one page. */
  fill(): void {
    for (const size of [65_536, 4096]) {
      for (let n = 0; ; n++) {
        try {
          writeFileSync(join(this.#path, `ballast-${size}-${n}`), new Uint8Array(size))
        } catch {
          break
        }
      }
    }
  }

  empty(): void {
    spawnSync('sh', ['-c', `rm -f '${this.#path}'/ballast-*`])
  }

  remove(): void {
    // Whatever still runs there was killed, and may not be gone yet.
    spawnSync('umount', ['-l', this.#path])
    rmSync(this.directory, { recursive: true, force: true })
  }

  #mount(options: string): void {
    const { status, stderr } = mount('-t', 'tmpfs', '-o', options, 'tmpfs', this.#path)
    if (status !== 0) throw new Error(`mount failed: ${stderr}`)
  }
}
