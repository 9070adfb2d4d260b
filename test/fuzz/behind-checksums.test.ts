// Logs and checkpoint files whose checksums are all right, whatever is in them: CRC-32 is 0 of everything here.
import { expect, test, vi } from 'vitest'
import { readLog } from '../../runtime/log/reader.ts'
import { CheckpointFile } from '../../runtime/store/checkpoint-file/checkpoint-file.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'
import { logOf, typicalRecords } from '../log/sample-log.ts'
import { fuzz, fuzzTimeout } from './fuzz.ts'

vi.mock('crc-32', () => ({ default: { buf: () => 0 } }))

test('a log', { timeout: fuzzTimeout }, async () => {
  const decode = (bytes: Uint8Array) => {
    for (const _ of readLog([bytes]));
  }
  const { accepted } = await fuzz({ samples: [logOf(typicalRecords(40, 1), {}, 7).bytes], decode })
  expect(accepted).toBeGreaterThan(100)
})

test('a checkpoint file', { timeout: fuzzTimeout }, async () => {
  const disk = new MemoryCheckpoints()
  const file = CheckpointFile.open(disk.open(), { codec: 'deflate' })
  const bytes = new Uint8Array(3 * 4096)
  file.register('a', bytes)
  for (const value of [0, 1, 2]) {
    bytes.fill(value, 4096)
    file.saveAll()
  }
  file.close()
  const decode = (data: Uint8Array) => {
    const read = CheckpointFile.open(new MemoryCheckpoints(data).open({ readOnly: true }))
    read.verify()
    read.read('a', 0, { maxLength: 1 << 20 })
  }
  const { accepted } = await fuzz({ samples: [disk.data.content], decode })
  expect(accepted).toBeGreaterThan(100)
})
