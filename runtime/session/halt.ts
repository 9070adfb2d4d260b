import type { CaptureReason } from './triggers.ts'

/** Thrown to end the run of a guest that is stopped and has no stack to be kept. */
export class Halt extends Error {
  readonly isRequested: boolean

  constructor({ requested }: CaptureReason) {
    super('the session was stopped')
    this.isRequested = requested
  }
}
