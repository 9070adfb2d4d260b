import { StasisError } from '../../wasm-shim/errors.ts'

/** The command line itself is wrong: exit code 2. `command` names the help page to point at. */
export class UsageError extends StasisError {
  readonly command: string | undefined
  constructor(message: string, command?: string) {
    super('STASIS_USAGE', message, command === undefined ? {} : { command })
    this.command = command
  }
}
