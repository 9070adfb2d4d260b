/** How loop polls are inserted (D11): never; in loops that contain loops or calls; in every loop. */
export type PollMode = 'none' | 'default' | 'all'

export interface PrelinkOptions {
  /** Default: 'default'. */
  readonly polls?: PollMode
  /** Encoding of the exception instructions added; 'auto' (default) takes the guest's own, else legacy. */
  readonly exceptions?: 'auto' | 'legacy' | 'exnref'
}
