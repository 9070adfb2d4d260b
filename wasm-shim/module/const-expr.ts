import type { ByteReader } from '../bytes/reader.ts'
import type { Draft } from './draft.ts'
import type { Range } from './model.ts'
import { refuseFeature } from './unsupported.ts'
import { readHeapType } from './value-type.ts'

/**
 * Passes over a constant expression (core spec 3.4.13 with extended constants) and gives its range, `end` included.
 * Function and global indices in it are checked; types are left to the engine.
 */
export function readConstExpr(reader: ByteReader, draft: Draft): Range {
  const start = reader.pos
  for (;;) {
    const at = reader.pos
    const opcode = reader.u8()
    switch (opcode) {
      case 0x0b: // end
        return { start, end: reader.pos }
      case 0x41: // i32.const
        reader.s32()
        break
      case 0x42: // i64.const
        skipS64(reader)
        break
      case 0x43: // f32.const
        reader.skipF32()
        break
      case 0x44: // f64.const
        reader.skipF64()
        break
      case 0x23: {
        const index = reader.u32()
        if (index >= draft.globals.length) reader.fail(`global ${index} is not defined at this point`, at)
        break
      }
      case 0xd0: // ref.null
        readHeapType(reader)
        break
      case 0xd2: {
        const index = reader.u32()
        if (index >= draft.functions.length) reader.fail(`function ${index} does not exist`, at)
        break
      }
      case 0x6a: // i32.add, sub, mul
      case 0x6b:
      case 0x6c:
      case 0x7c: // i64.add, sub, mul
      case 0x7d:
      case 0x7e:
        break
      case 0xfd: {
        const vector = reader.u32()
        if (vector !== 12) reader.fail(`vector instruction ${vector} is not allowed in a constant expression`, at)
        reader.skip(16) // v128.const
        break
      }
      case 0xfb:
        refuseFeature('garbage collection', at)
        break
      default:
        reader.fail(`opcode 0x${opcode.toString(16).padStart(2, '0')} is not allowed in a constant expression`, at)
    }
  }
}

/** As `reader.s64()`, without building the value when it is short. */
function skipS64(reader: ByteReader): void {
  const at = reader.pos
  for (let count = 0; count < 9; count++) if (reader.u8() < 0x80) return
  reader.pos = at
  reader.s64()
}
