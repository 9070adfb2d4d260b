import { StasisError } from '../../wasm-shim/errors.ts'

/** Why the log-only engine takes no checkpoint, and what to do instead. */
export function captureLogOnly(): StasisError {
  const message =
    'A session with the log-only engine has no checkpoints: its call log brings it back. ' +
    'Stop it (Ctrl-Z, "stasis checkpoint NAME --stop") and restore it, or run the program with the instrumented engine.'
  return new StasisError('STASIS_CAPTURE_LOG_ONLY', message)
}
