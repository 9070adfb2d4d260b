/**
 * Live locals at call sites: the classic backward data flow over bit sets, word by word. A block under a guest's `try`
 * keeps alive, at every point, what the handlers need, since any call in it may throw.
 */
import { StasisError } from '../errors.ts'
import { Event, type Flow } from './flow.ts'
import type { IntList } from './int-list.ts'

/** 64 MB of bit sets for one function; generated code that exceeds it has tens of thousands of locals and blocks. */
const maxWords = 1 << 24

/** Values saved at all call sites of one function together. Real programs have 2 a site, and 100,000 in a function. */
export const maxSavedValues = 1 << 22

export function refuseSize(func: number, what: string): never {
  throw new StasisError('STASIS_MODULE_UNSUPPORTED', `Function ${func} is too large to pre-link: ${what}.`, {
    feature: 'function size',
    func,
  })
}

/** Keeps its storage from function to function. */
export class Liveness {
  #use = new Int32Array(0)
  #define = new Int32Array(0)
  #liveIn = new Int32Array(0)
  #firstEdge = new Int32Array(0)
  #nextEdge = new Int32Array(0)
  #edgeTarget = new Int32Array(0)
  #handlers: (readonly number[])[] = []
  #words = 0

  /** Appends each site's live locals, ascending, to `live`; `liveStart` and `liveEnd` say where, by site number. */
  compute(
    flow: Flow,
    locals: number,
    sites: number,
    func: number,
    live: IntList,
    liveStart: IntList,
    liveEnd: IntList,
  ): void {
    const blocks = flow.blockStart.length
    const words = (locals + 31) >>> 5
    if (blocks * words * 3 > maxWords) refuseSize(func, `${locals} locals in ${blocks} basic blocks`)
    this.#words = words
    this.#use = cleared(this.#use, blocks * words)
    this.#define = cleared(this.#define, blocks * words)
    this.#liveIn = cleared(this.#liveIn, blocks * words)
    this.#accesses(flow, words)
    this.#edges(flow)
    this.#iterate(flow, words)
    for (let site = 0; site < sites; site++) {
      liveStart.push(0)
      liveEnd.push(0)
    }
    this.#atSites(flow, words, func, live, liveStart, liveEnd)
  }

  /** Locals, ascending, that are live where a block of the function last computed begins. */
  liveAt(block: number): number[] {
    const live: number[] = []
    for (let w = 0; w < this.#words; w++)
      for (let rest = this.#liveIn[block * this.#words + w] as number; rest !== 0; rest &= rest - 1)
        live.push((w << 5) + 31 - Math.clz32(rest & -rest))
    return live
  }

  /** What each block reads before writing it, and what it writes. */
  #accesses({ events, blockStart }: Flow, words: number): void {
    const use = this.#use
    const define = this.#define
    for (let block = 0, i = 0; block < blockStart.length; block++) {
      const end = block + 1 < blockStart.length ? blockStart.at(block + 1) : events.length
      for (const base = block * words; i < end; i++) {
        const event = events.at(i)
        const word = base + (event >>> 7)
        const bit = 1 << ((event >>> 2) & 31)
        if ((event & 3) === Event.get) {
          if (((define[word] as number) & bit) === 0) use[word] = (use[word] as number) | bit
        } else if ((event & 3) === Event.set) define[word] = (define[word] as number) | bit
      }
    }
  }

  #edges(flow: Flow): void {
    const edges = flow.edgeFrom.length
    const blocks = flow.blockStart.length
    this.#firstEdge = cleared(this.#firstEdge, blocks).fill(-1, 0, blocks)
    this.#nextEdge = cleared(this.#nextEdge, edges)
    this.#edgeTarget = cleared(this.#edgeTarget, edges)
    for (let edge = 0; edge < edges; edge++) {
      const construct = flow.edgeTo.at(edge)
      const target = construct < 0 ? ~construct : flow.targetBlock.at(construct)
      if (target < 0) continue
      const from = flow.edgeFrom.at(edge)
      this.#edgeTarget[edge] = target
      this.#nextEdge[edge] = this.#firstEdge[from] as number
      this.#firstEdge[from] = edge
    }
    this.#handlers = flow.contextHandlers.length === 0 ? [] : handlerLists(flow)
  }

  #iterate(flow: Flow, words: number): void {
    const liveIn = this.#liveIn
    for (let changed = true; changed; ) {
      changed = false
      for (let block = flow.blockStart.length - 1; block >= 0; block--) {
        for (let w = 0, at = block * words; w < words; w++, at++) {
          const out = this.#out(flow, block, w, words) & ~(this.#define[at] as number)
          const value = out | (this.#use[at] as number) | this.#thrown(flow, block, w, words)
          if (value !== liveIn[at]) {
            liveIn[at] = value
            changed = true
          }
        }
      }
    }
  }

  /** One word of what is live behind a block's last event. */
  #out(flow: Flow, block: number, w: number, words: number): number {
    const liveIn = this.#liveIn
    let out = 0
    if (flow.blockFalls.at(block) === 1 && block + 1 < flow.blockStart.length)
      out = liveIn[(block + 1) * words + w] as number
    for (let edge = this.#firstEdge[block] as number; edge >= 0; edge = this.#nextEdge[edge] as number)
      out |= liveIn[(this.#edgeTarget[edge] as number) * words + w] as number
    return out
  }

  /** One word of what the handlers around a block need. */
  #thrown(flow: Flow, block: number, w: number, words: number): number {
    const context = flow.blockContext.at(block)
    if (context < 0) return 0
    let thrown = 0
    for (const handler of this.#handlers[context] as readonly number[])
      thrown |= this.#liveIn[handler * words + w] as number
    return thrown
  }

  #atSites(flow: Flow, words: number, func: number, live: IntList, liveStart: IntList, liveEnd: IntList): void {
    const { events, blockStart } = flow
    const now = new Int32Array(words)
    const thrown = new Int32Array(words)
    for (let block = 0; block < blockStart.length; block++) {
      const start = blockStart.at(block)
      const end = block + 1 < blockStart.length ? blockStart.at(block + 1) : events.length
      let first = start
      while (first < end && (events.at(first) & 3) !== Event.site) first++
      if (first === end) continue
      for (let w = 0; w < words; w++) {
        thrown[w] = this.#thrown(flow, block, w, words)
        now[w] = this.#out(flow, block, w, words) | (thrown[w] as number)
      }
      for (let i = end - 1; i >= first; i--) {
        const event = events.at(i)
        const argument = event >>> 2
        if ((event & 3) === Event.site) {
          liveStart.set(argument, live.length)
          for (let w = 0; w < words; w++)
            for (let rest = now[w] as number; rest !== 0; rest &= rest - 1)
              live.push((w << 5) + 31 - Math.clz32(rest & -rest))
          liveEnd.set(argument, live.length)
          if (live.length > maxSavedValues) refuseSize(func, `more than ${maxSavedValues} values live at its calls`)
          continue
        }
        const word = argument >>> 5
        const bit = 1 << (argument & 31)
        if ((event & 3) === Event.get) now[word] = (now[word] as number) | bit
        else now[word] = ((now[word] as number) & ~bit) | ((thrown[word] as number) & bit)
      }
    }
  }
}

function cleared(list: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  return list.length < length ? new Int32Array(length * 2) : list.fill(0, 0, length)
}

/** Blocks that an exception may enter, per context: its own handlers and those of every context around it. */
function handlerLists(flow: Flow): number[][] {
  const lists: number[][] = []
  flow.contextHandlers.forEach((handlers, context) => {
    const parent = flow.contextParent.at(context)
    const own = handlers
      .map((target) => (target < 0 ? ~target : flow.targetBlock.at(target)))
      .filter((block) => block >= 0)
    lists.push(parent >= 0 ? own.concat(lists[parent] as number[]) : own)
  })
  return lists
}
