import { describe } from 'vitest'
import { MemoryStore } from '../../runtime/store/memory-store.ts'
import { storeSuite } from './store-suite.ts'

describe('memory store', () => {
  storeSuite(
    async () => new MemoryStore(),
    async () => undefined,
  )
})
