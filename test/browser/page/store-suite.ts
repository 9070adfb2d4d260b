// The suite that every store passes, on this page's IndexedDB. Served as /store-suite.js.
import { IndexedDbStore } from '../../../host-browser/indexed-db-store.ts'
import { storeSuite } from '../../store/store-suite.ts'
import { runAll } from './vitest.ts'

let count = 0

storeSuite(
  async () => new IndexedDbStore(`suite-${++count}`),
  async () => {
    indexedDB.deleteDatabase(`stasis:suite-${count}`)
  },
)

Object.assign(globalThis, { storeSuite: runAll })
