import { ByteWriter } from '../bytes/writer.ts'
import { emptyDraft } from './draft.ts'
import type { Section, WasmModule } from './model.ts'
import {
  customSection,
  type SectionFormat,
  type SectionName,
  type SectionWriter,
  sectionFormats,
  sectionRank,
} from './sections/index.ts'

/** Writers that take the place of a section's own; a section named here is always written. */
export type SectionOverrides = { readonly [Name in SectionName]?: SectionWriter }

export interface WriteOptions {
  /** Expected size in bytes, to save copies. */
  readonly capacity?: number
  /** Written behind everything else. */
  readonly customSections?: readonly { readonly name: string; readonly content: Uint8Array }[]
}

/**
 * Encodes a module: every section anew from the data, ranges verbatim from `module.bytes`, custom sections where they
 * stand in `module.sections`. A section that the data needs and `sections` lacks is put in its place. Integers are
 * written in their shortest form; for a module encoded that way the result equals its bytes.
 */
export function writeModule(
  module: WasmModule,
  overrides: SectionOverrides = {},
  options: WriteOptions = {},
): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(options.capacity ?? module.bytes.length + 64)
  out.bytes(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00))
  let next = 0
  const writeUpTo = (rank: number, listed: boolean) => {
    for (; next <= rank; next++) {
      const format: SectionFormat = sectionFormats[next]!
      const override = overrides[format.name as SectionName]
      // A list that was there and empty stays; a start function or a data count that was taken out goes.
      const keep = listed && next === rank && !format.single
      if (override === undefined && !keep && !format.needed(module)) continue
      const write = override ?? format.write
      out.u8(format.id)
      out.sizedBy(() => write(out, module))
    }
  }
  for (const section of module.sections) {
    if (section.id === customSection) writeCustom(out, module, section)
    else writeUpTo(sectionRank(section.id), true)
  }
  writeUpTo(sectionFormats.length - 1, false)
  for (const { name, content } of options.customSections ?? []) {
    out.u8(customSection)
    out.sizedBy(() => {
      out.name(name)
      out.bytes(content)
    })
  }
  return out.finish()
}

function writeCustom(out: ByteWriter, module: WasmModule, section: Section): void {
  out.u8(customSection)
  out.sizedBy(() => {
    out.name(section.name ?? '')
    out.range(module.bytes, section.body.start, section.body.end)
  })
}

/** What small modules that are made from nothing begin with. */
export const emptyModule: WasmModule = emptyDraft(new Uint8Array(0))
