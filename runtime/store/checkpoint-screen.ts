import { SectionKind } from '../image/layout.ts'
import { readSection } from './checkpoint-section.ts'
import type { Store } from './store.ts'

/** What a session's terminal had shown at a checkpoint; undefined where it had none, or there is no such checkpoint. */
export function readScreen(store: Store, session: string, version: number): Promise<Uint8Array | undefined> {
  return readSection(store, session, version, SectionKind.screen)
}
