import type { LogOptions, LogPlace, LogStorage } from '../runtime/log/storage.ts'
import { StasisError } from '../wasm-shim/errors.ts'
import { EncryptedLogStorage } from './encrypted-log.ts'
import { FileLogStorage } from './log-storage.ts'
import { SqliteLogStorage } from './sqlite/log-storage.ts'

/** Opens the call log at a place that a store has named, for the guest's thread. */
export function openLog(place: LogPlace, options: LogOptions = {}): LogStorage {
  switch (place.kind) {
    case 'directory':
      return new FileLogStorage(place, options)
    case 'sqlite':
      return new SqliteLogStorage(place, options)
    case 'store':
      throw new StasisError('STASIS_LOG_PLACE', 'A log in a store of a page cannot be opened by Node.')
    case 'encrypted':
      return new EncryptedLogStorage(place, options, openLog)
  }
}
