/**
 * The control flow of one function, as liveness needs it: basic blocks with their local accesses and call sites as
 * events, edges to constructs (whose target block is known when they close), and for blocks under a guest's `try` the
 * handlers that an exception may enter.
 */
import { IntList } from './int-list.ts'

export const Event = { get: 0, set: 1, site: 2 } as const

export class Flow {
  /** kind | argument << 2 */
  readonly events = new IntList()
  /** First event of each block. */
  readonly blockStart = new IntList()
  /** 1: control may fall into the next block. */
  readonly blockFalls = new IntList()
  /** Handler context of each block, -1 for none. */
  readonly blockContext = new IntList()
  /** Edges: from block, to target (a construct, or ~block). */
  readonly edgeFrom = new IntList()
  readonly edgeTo = new IntList()
  /** Block each construct's label leads to; -1 for leaving the function. */
  readonly targetBlock = new IntList()
  /** Handler contexts: parent, and links into a list of targets (constructs as such, blocks as ~block). */
  readonly contextParent = new IntList()
  readonly contextHandlers: number[][] = []
  /** The handler context in force. */
  context = -1

  clear(): void {
    for (const list of [
      this.events,
      this.blockStart,
      this.blockFalls,
      this.blockContext,
      this.edgeFrom,
      this.edgeTo,
      this.targetBlock,
      this.contextParent,
    ])
      list.clear()
    this.contextHandlers.length = 0
    this.context = -1
    this.startBlock()
  }

  get currentBlock(): number {
    return this.blockStart.length - 1
  }

  /** Ends the current block; the next one is entered from it by falling through unless `endBlock` says otherwise. */
  startBlock(): number {
    this.blockStart.push(this.events.length)
    this.blockFalls.push(1)
    return this.blockContext.push(this.context)
  }

  /** The current block does not fall through. */
  endsHere(): void {
    this.blockFalls.set(this.currentBlock, 0)
  }

  branch(construct: number): void {
    this.edgeFrom.push(this.currentBlock)
    this.edgeTo.push(construct)
  }

  event(kind: number, argument: number): void {
    this.events.push(kind | (argument << 2))
  }

  openContext(): number {
    this.contextParent.push(this.context)
    this.context = this.contextHandlers.push([]) - 1
    return this.context
  }

  handler(context: number, target: number): void {
    this.contextHandlers[context]?.push(target)
  }
}
