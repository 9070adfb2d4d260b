import { EINVAL, fail } from './errors'

/** Makes the content of a region of what an older program had under its name. Addresses and bytes; 0 or an errno. */
export type CkpMigration = (old: usize, oldLength: usize, region: usize, length: usize) => i32

export class Migration {
  constructor(public name: string, public from: usize, public run: CkpMigration) {}
}

const migrations: Array<Migration> = []

export function findMigration(name: string, from: usize): Migration | null {
  for (let i = 0; i < migrations.length; i++) {
    if (migrations[i].from == from && migrations[i].name == name) return migrations[i]
  }
  return null
}

export function addMigration(name: string, from: usize, run: CkpMigration): void {
  const known = findMigration(name, from)
  if (known) known.run = run
  else migrations.push(new Migration(name, from, run))
}

export function migrate(migration: Migration, old: ArrayBuffer, region: usize, length: usize): i32 {
  const from = migration.from
  const errno = migration.run(changetype<usize>(old), from, region, length)
  if (errno == 0) return 0
  return fail(
    errno > 0 ? errno : EINVAL,
    `The migration of ${migration.name} from ${from} to ${length} bytes has failed.`,
  )
}
