/** One measurement, in a process of its own: `child.js JOB INPUT` prints the job's output as JSON. */
import { measureAfterRestore } from './jobs/after-restore.ts'
import { measureBoot, saveBoot } from './jobs/boot.ts'
import { measureCalls } from './jobs/calls.ts'
import { measureCheckpointFile } from './jobs/checkpoint-file.ts'
import { restoreCodecs, writeCodecs } from './jobs/codecs.ts'
import { measureImageSize } from './jobs/image-size.ts'
import { measureLogBytes, measureLogRuns } from './jobs/log.ts'
import { measureMemory } from './jobs/memory.ts'
import { measureMigrate } from './jobs/migrate.ts'
import { measurePause, measureRestore } from './jobs/pause.ts'
import { measurePrelink } from './jobs/prelink.ts'
import { measureRunTime } from './jobs/run-time.ts'
import { measureStacks } from './jobs/stacks.ts'
import { measureVersions } from './jobs/versions.ts'

const jobs = {
  runTime: measureRunTime,
  prelink: measurePrelink,
  calls: measureCalls,
  pause: measurePause,
  restore: measureRestore,
  stacks: measureStacks,
  boot: measureBoot,
  saveBoot,
  afterRestore: measureAfterRestore,
  logRuns: measureLogRuns,
  logBytes: measureLogBytes,
  memory: measureMemory,
  checkpointFile: measureCheckpointFile,
  migrate: measureMigrate,
  versions: measureVersions,
  writeCodecs,
  restoreCodecs,
  imageSize: measureImageSize,
}

export type Jobs = typeof jobs

const [name = '', input = '{}'] = process.argv.slice(2)
const job = jobs[name as keyof Jobs] as ((input: unknown) => unknown) | undefined
if (job === undefined) throw new Error(`There is no job ${name}.`)
process.stdout.write(`${JSON.stringify(await job(JSON.parse(input)))}\n`)
