import { setFlagsFromString } from 'node:v8'

/**
 * Sets what V8 needs to be told for the whole process; for programs that own their process, as the command line does.
 * V8 before version 12 (Node 20) allocates registers in huge functions by a cheaper algorithm, which pre-linking makes
 * 14 % slower on SQLite's interpreter loop; without it the difference is 1 %. Later versions lack flag and fault.
 */
export function tuneEngine(): void {
  if (Number.parseInt(process.versions.v8, 10) < 12)
    setFlagsFromString('--no-turbo-use-mid-tier-regalloc-for-huge-functions')
}
