const tables = new StaticArray<u32>(1024)

function fill(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i
    for (let bit = 0; bit < 8; bit++) value = (value >> 1) ^ (value & 1 ? 0xedb88320 : 0)
    tables[i] = value
  }
  for (let i = 256; i < 1024; i++) {
    const before = tables[i - 256]
    tables[i] = (before >> 8) ^ tables[before & 255]
  }
}

/** CRC-32 (IEEE) of `size` bytes, continued from `seed`. */
export function crc32(seed: u32, bytes: usize, size: usize): u32 {
  if (tables[1] == 0) fill()
  let crc = ~seed
  let at = bytes
  const end = bytes + size
  for (; at + 4 <= end; at += 4) {
    crc ^= load<u32>(at)
    crc =
      unchecked(tables[768 + (crc & 255)]) ^
      unchecked(tables[512 + ((crc >> 8) & 255)]) ^
      unchecked(tables[256 + ((crc >> 16) & 255)]) ^
      unchecked(tables[crc >> 24])
  }
  for (; at < end; at++) crc = (crc >> 8) ^ unchecked(tables[(crc ^ load<u8>(at)) & 255])
  return ~crc
}
