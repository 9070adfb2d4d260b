import { crc32 } from 'node:zlib'
import { load } from '../../runtime/store/checkpoint-file/load.ts'
import { MemoryCheckpoints } from '../../runtime/store/checkpoint-file/memory-storage.ts'

/** A copy of a session's checkpoint file in which one bit of the version is wrong, and no other version is touched. */
export function damageVersion(data: Uint8Array, version: number): Buffer {
  const bytes = Buffer.from(data)
  const { catalog } = load(new MemoryCheckpoints(data).open({ readOnly: true }), crc32)
  const users = new Map<number, Set<number>>()
  for (const { head } of catalog.records) {
    for (const { name } of head.regions) {
      const saved = catalog.regions.get(name)!.find(({ fileVersion }) => fileVersion === head.version)!
      for (const page of catalog.table(saved)) users.set(page, (users.get(page) ?? new Set()).add(head.version))
    }
  }
  const own = [...users].find(([page, of]) => page !== 0 && of.size === 1 && of.has(version))
  if (own === undefined) throw new Error(`version ${version} has no page of its own`)
  const { offset, firstPage } = catalog.place(own[0])
  bytes[offset + (own[0] - firstPage) * 4096]! ^= 1
  return bytes
}
