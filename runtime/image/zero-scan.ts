import { bitmapSize, type PagedSize, pageSize } from './pages.ts'

/**
 * Finds the pages of a running guest's memory that are not zero. JavaScript's first pass over a memory is interpreted, at
 * half a second for 90 MB of zeros; WebAssembly is compiled at once. This is, as text (test/image/zero-scan.test.ts):
 *
 *   (module
 *     (import "" "" (memory 0))
 *     (func (export "") (param $at i32) (param $pages i32) (result i32)   ;; bit n: page n is not zero
 *       (local $page i32) (local $found i32) (local $end i32)
 *       loop $next
 *         (local.set $end (i32.add (local.get $at) (i32.const 4096)))
 *         block $done
 *           loop $more
 *             (i64.or
 *               (i64.or (i64.or (i64.load (local.get $at)) (i64.load offset=8 (local.get $at)))
 *                       (i64.or (i64.load offset=16 (local.get $at)) (i64.load offset=24 (local.get $at))))
 *               (i64.or (i64.or (i64.load offset=32 (local.get $at)) (i64.load offset=40 (local.get $at)))
 *                       (i64.or (i64.load offset=48 (local.get $at)) (i64.load offset=56 (local.get $at)))))
 *             i64.eqz
 *             if
 *               (br_if $more (i32.ne (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end)))
 *               br $done
 *             end
 *           end
 *           (local.set $found (i32.or (local.get $found) (i32.shl (i32.const 1) (local.get $page))))
 *         end
 *         (local.set $at (local.get $end))
 *         (br_if $next (i32.lt_u (local.tee $page (i32.add (local.get $page) (i32.const 1))) (local.get $pages)))
 *       end
 *       (local.get $found)))
 */
export const zeroScanModule: Uint8Array = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x07, 0x01, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f],
  ...[0x02, 0x06, 0x01, 0x00, 0x00, 0x02, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x04, 0x01, 0x00, 0x00, 0x00],
  ...[0x0a, 0x75, 0x01, 0x73, 0x01, 0x03, 0x7f],
  ...[0x03, 0x40, 0x20, 0x00, 0x41, 0x80, 0x20, 0x6a, 0x21, 0x04, 0x02, 0x40, 0x03, 0x40],
  ...[0x20, 0x00, 0x29, 0x03, 0x00, 0x20, 0x00, 0x29, 0x03, 0x08, 0x84],
  ...[0x20, 0x00, 0x29, 0x03, 0x10, 0x20, 0x00, 0x29, 0x03, 0x18, 0x84, 0x84],
  ...[0x20, 0x00, 0x29, 0x03, 0x20, 0x20, 0x00, 0x29, 0x03, 0x28, 0x84],
  ...[0x20, 0x00, 0x29, 0x03, 0x30, 0x20, 0x00, 0x29, 0x03, 0x38, 0x84, 0x84, 0x84],
  ...[0x50, 0x04, 0x40, 0x20, 0x00, 0x41, 0xc0, 0x00, 0x6a, 0x22, 0x00, 0x20, 0x04, 0x47, 0x0d, 0x01],
  ...[0x0c, 0x02, 0x0b, 0x0b, 0x20, 0x03, 0x41, 0x01, 0x20, 0x02, 0x74, 0x72, 0x21, 0x03, 0x0b],
  ...[0x20, 0x04, 0x21, 0x00, 0x20, 0x02, 0x41, 0x01, 0x6a, 0x22, 0x02, 0x20, 0x01, 0x49, 0x0d, 0x00, 0x0b],
  ...[0x20, 0x03, 0x0b],
)

type Scan = (at: number, pages: number) => number

let compiled: WebAssembly.Module | undefined

/** undefined where the memory cannot be imported (shared, 64-bit, pages of one byte) or `bytes` is not all of it. */
export function scanMemory(memory: WebAssembly.Memory, bytes: Uint8Array): PagedSize | undefined {
  if (bytes.buffer !== memory.buffer || bytes.length !== memory.buffer.byteLength) return undefined
  const scan = scannerOf(memory)
  if (scan === undefined) return undefined
  const present = new Uint8Array(bitmapSize(bytes.length))
  const words = new Int32Array(present.buffer)
  let dataLength = 0
  for (let page = 0, pages = bytes.length / pageSize; page < pages; page += 32) {
    const found = scan(page * pageSize, Math.min(pages - page, 32))
    words[page >> 5] = found
    for (let rest = found; rest !== 0; rest &= rest - 1) dataLength += pageSize
  }
  return { present, dataLength }
}

function scannerOf(memory: WebAssembly.Memory): Scan | undefined {
  compiled ??= new WebAssembly.Module(zeroScanModule)
  try {
    return new WebAssembly.Instance(compiled, { '': { '': memory } }).exports[''] as Scan
  } catch {
    return undefined
  }
}
