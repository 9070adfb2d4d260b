/**
 * Live locals at call sites: the classic backward data flow over bit sets. A block under a guest's `try` keeps alive, at
 * every point, what the handlers need, since any call in it may throw.
 */
import { invariant, StasisError } from '../errors.ts'
import { Event, type Flow } from './flow.ts'
import type { IntList } from './int-list.ts'

/** 64 MB of bit sets for one function; generated code that exceeds it has tens of thousands of locals and blocks. */
const maxWords = 1 << 24

/**
 * Appends each site's live locals, ascending, to `live`, and their start to `liveStart` (one entry a site, in order of
 * site numbers, and one more at the end).
 */
export function computeLiveness(
  flow: Flow,
  locals: number,
  sites: number,
  func: number,
  live: IntList,
  liveStart: IntList,
): void {
  const blocks = flow.blockStart.length
  const words = (locals + 31) >>> 5
  if (blocks * words * 3 > maxWords)
    throw new StasisError(
      'STASIS_MODULE_UNSUPPORTED',
      `Function ${func} is too large to pre-link: ${locals} locals in ${blocks} basic blocks.`,
      { feature: 'function size', func },
    )
  const use = new Int32Array(blocks * words)
  const define = new Int32Array(blocks * words)
  const liveIn = new Int32Array(blocks * words)
  const { events, blockStart } = flow
  const eventEnd = (block: number) => (block + 1 < blocks ? blockStart.at(block + 1) : events.length)
  for (let block = 0; block < blocks; block++) {
    const base = block * words
    for (let i = blockStart.at(block), end = eventEnd(block); i < end; i++) {
      const event = events.at(i)
      const local = event >>> 2
      const word = base + (local >>> 5)
      const bit = 1 << (local & 31)
      if ((event & 3) === Event.get) {
        if (((define[word] as number) & bit) === 0) use[word] = (use[word] as number) | bit
      } else if ((event & 3) === Event.set) define[word] = (define[word] as number) | bit
    }
  }

  const successors = successorLists(flow)
  const handlers = handlerLists(flow)
  const out = new Int32Array(words)
  const thrown = new Int32Array(words)
  const or = (into: Int32Array, block: number) => {
    for (let w = 0, base = block * words; w < words; w++) into[w] = (into[w] as number) | (liveIn[base + w] as number)
  }
  /** Live after the block's last event, and what its handlers need throughout. */
  const gather = (block: number) => {
    out.fill(0)
    if (flow.blockFalls.at(block) === 1 && block + 1 < blocks) or(out, block + 1)
    const { first, next, to } = successors
    for (let edge = first[block] as number; edge >= 0; edge = next[edge] as number) or(out, to[edge] as number)
    const context = flow.blockContext.at(block)
    thrown.fill(0)
    if (context >= 0) for (const handler of handlers[context] as number[]) or(thrown, handler)
  }

  for (let changed = true; changed; ) {
    changed = false
    for (let block = blocks - 1; block >= 0; block--) {
      gather(block)
      for (let w = 0, base = block * words; w < words; w++) {
        const value =
          ((out[w] as number) & ~(define[base + w] as number)) | (use[base + w] as number) | (thrown[w] as number)
        if (value !== liveIn[base + w]) {
          liveIn[base + w] = value
          changed = true
        }
      }
    }
  }

  const perSite: Int32Array[] = new Array(sites)
  for (let block = 0; block < blocks; block++) {
    const start = blockStart.at(block)
    const end = eventEnd(block)
    let hasSite = false
    for (let i = start; i < end && !hasSite; i++) hasSite = (events.at(i) & 3) === Event.site
    if (!hasSite) continue
    gather(block)
    for (let w = 0; w < words; w++) out[w] = (out[w] as number) | (thrown[w] as number)
    for (let i = end - 1; i >= start; i--) {
      const event = events.at(i)
      const argument = event >>> 2
      if ((event & 3) === Event.site) {
        perSite[argument] = bitsOf(out)
        continue
      }
      const word = argument >>> 5
      const bit = 1 << (argument & 31)
      if ((event & 3) === Event.get) out[word] = (out[word] as number) | bit
      else out[word] = ((out[word] as number) & ~bit) | ((thrown[word] as number) & bit)
    }
  }
  for (let site = 0; site < sites; site++) {
    liveStart.push(live.length)
    const list = perSite[site]
    invariant(list !== undefined, `site ${site} of function ${func} stands in no basic block`)
    for (const local of list) live.push(local)
  }
  liveStart.push(live.length)
}

function bitsOf(words: Int32Array): Int32Array {
  let count = 0
  for (const word of words) for (let rest = word; rest !== 0; rest &= rest - 1) count++
  const list = new Int32Array(count)
  let at = 0
  words.forEach((word, w) => {
    for (let rest = word; rest !== 0; rest &= rest - 1) list[at++] = (w << 5) + (31 - Math.clz32(rest & -rest))
  })
  return list
}

function successorLists(flow: Flow): { first: Int32Array; next: Int32Array; to: Int32Array } {
  const edges = flow.edgeFrom.length
  const first = new Int32Array(flow.blockStart.length).fill(-1)
  const next = new Int32Array(edges)
  const to = new Int32Array(edges)
  for (let edge = 0; edge < edges; edge++) {
    const construct = flow.edgeTo.at(edge)
    const target = construct < 0 ? ~construct : flow.targetBlock.at(construct)
    if (target < 0) continue
    const from = flow.edgeFrom.at(edge)
    to[edge] = target
    next[edge] = first[from] as number
    first[from] = edge
  }
  return { first, next, to }
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
