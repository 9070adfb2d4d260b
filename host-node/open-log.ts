import type { LogOptions, LogPlace, LogStorage } from '../runtime/log/storage.ts'
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
    case 'encrypted':
      return new EncryptedLogStorage(place, options, openLog)
  }
}
