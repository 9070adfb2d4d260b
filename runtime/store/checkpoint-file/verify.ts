import type { Catalog } from './catalog.ts'
import { decodeDataHeader } from './headers.ts'
import { type Crc32, damaged, dataHeaderSize } from './layout.ts'
import type { PageReader } from './page-reader.ts'
import { readHead } from './read-head.ts'
import { readSync } from './reading.ts'
import { decodeHead } from './record.ts'
import type { ByteFile } from './storage.ts'

interface VerifyTools {
  readonly catalog: Catalog
  readonly reader: PageReader
  readonly crc32: Crc32
}

/** Reads all of a data file: header, heads, pages, and the zeros behind them. Throws STASIS_CKP_DAMAGED. */
export function verifyFile(data: ByteFile, { catalog, reader, crc32 }: VerifyTools): void {
  const header = new Uint8Array(dataHeaderSize)
  decodeDataHeader(header.subarray(0, data.read(0, header)), crc32)
  for (const { head, offset } of catalog.records) {
    const end = offset + head.headLength + head.payloadLength
    const bytes = readSync(readHead(offset, end, crc32), { data })
    if (bytes === undefined || decodeHead(bytes, offset).checksum !== head.checksum) {
      throw damaged('the head of a record is not what it was', offset)
    }
    reader.verify(head.firstPage, head.pageChecksums.length)
    const used = head.groups.reduce((sum, { length }) => sum + length, offset + head.headLength)
    const padding = new Uint8Array(end - used)
    if (data.read(used, padding) !== padding.length || padding.some((byte) => byte !== 0)) {
      throw damaged('the bytes behind the pages of a record are not 0', used)
    }
  }
}
