/**
 * What the transfer needs of a connection: whole frames, in order, each exactly once or not at all. A WebSocket is one, a
 * MessagePort, a pair of queues in a test.
 */
export interface Duplex {
  /** Resolves when more may be sent, so that nothing piles up. Throws STASIS_CONNECTION_LOST. */
  send(frame: Uint8Array): Promise<void>
  /** The next frame; undefined once the other side has closed. Throws STASIS_CONNECTION_LOST. */
  receive(): Promise<Uint8Array | undefined>
  /** Idempotent. */
  close(): void
}
